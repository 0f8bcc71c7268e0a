(function () {
  // A slider over each pair of confusion matrices. Positions are log-odds, because networks are seldom unsure: on a
  // scale of probabilities most images would crowd at its two ends.
  var END = 7, SCALE = [0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999];

  function probability(odds) { return 1 / (1 + Math.exp(-odds)); }
  function shown(p) { return p < 0.01 || p > 0.99 ? p.toFixed(3) : p.toFixed(2); }
  function place(odds) { return (Math.max(-END, Math.min(END, odds)) + END) / (2 * END); }

  function below(ranked, odds) {  // how many of the ascending numbers lie below
    var low = 0, high = ranked.length;
    while (low < high) {
      var middle = (low + high) >> 1;
      if (ranked[middle] < odds) { low = middle + 1; } else { high = middle; }
    }
    return low;
  }

  function make(tag, name, text) {
    var element = document.createElement(tag);
    if (name) { element.className = name; }
    if (text) { element.textContent = text; }
    return element;
  }

  document.querySelectorAll(".threshold").forEach(function (box, number) {
    var networks = JSON.parse(box.dataset.threshold), positive = box.dataset.positive;
    var control = box.querySelector(".threshold-control");
    if (!networks.length) { return; }
    var every = [].concat.apply([], networks.map(function (one) { return one.chosen; }));
    var middle = every.reduce(function (a, b) { return a + b; }, 0) / every.length;
    var start = Math.round(10 * Math.max(-END, Math.min(END, middle))) / 10;

    var label = make("label", "", "Threshold ");
    var value = make("output", "threshold-value");
    label.htmlFor = value.htmlFor = "threshold-" + number;
    var range = make("input");
    range.type = "range"; range.id = "threshold-" + number;
    range.min = -END; range.max = END; range.step = 0.1; range.value = start;
    var track = make("div", "threshold-track");
    track.setAttribute("aria-hidden", "true");
    SCALE.forEach(function (p) {
      var tick = make("span", "threshold-tick", String(p));
      tick.style.setProperty("--at", place(Math.log(p / (1 - p))));
      track.append(tick);
    });
    networks.forEach(function (one) {
      var tone = box.querySelector('[data-network="' + one.key + '"]').className.match(/tone-\w+/)[0];
      one.chosen.forEach(function (odds) {
        var mark = make("i", "threshold-mark " + tone);
        mark.style.setProperty("--at", place(odds));
        track.append(mark);
      });
    });
    var back = make("button", "", "Back to the chosen thresholds");
    back.type = "button";
    var note = make("p", "small threshold-note", "The marks are the thresholds that validation chose. One that is picked " +
      "here is picked on the test part, so what it gives is too good to be promised to the next patient.");
    control.append(label, value, range, track, back, note);

    var rows = networks.map(function (one) {
      var root = box.querySelector('[data-network="' + one.key + '"]');
      var parts = Array.prototype.slice.call(root.querySelectorAll("[data-cell], [data-rate], .threshold-at"));
      return { one: one, root: root, parts: parts.map(function (part) {
        return { part: part, text: part.textContent, style: part.getAttribute("style") };
      }) };
    });

    function cell(row, name, count, among) {
      var part = row.root.querySelector('[data-cell="' + name + '"]');
      part.textContent = (count / row.one.seeds).toFixed(row.one.seeds > 1 ? 1 : 0);
      part.style.setProperty("--share", Math.round(100 * count / among) + "%");
    }

    function move() {
      var odds = Number(range.value), words = [];
      value.textContent = shown(probability(odds));
      rows.forEach(function (row) {
        var one = row.one, missed = below(one.ill, odds), spared = below(one.well, odds);
        var found = one.ill.length - missed, alarmed = one.well.length - spared;
        cell(row, "true_positives", found, one.ill.length);
        cell(row, "false_negatives", missed, one.ill.length);
        cell(row, "false_positives", alarmed, one.well.length);
        cell(row, "true_negatives", spared, one.well.length);
        var rates = { sensitivity: found / one.ill.length, specificity: spared / one.well.length };
        Object.keys(rates).forEach(function (name) {
          row.root.querySelector('[data-rate="' + name + '"]').textContent = rates[name].toFixed(3);
        });
        row.root.querySelector(".threshold-at").textContent = "at " + value.textContent + ", picked by hand";
        words.push(one.name + ": sensitivity " + rates.sensitivity.toFixed(2) + ", specificity " + rates.specificity.toFixed(2));
      });
      range.setAttribute("aria-valuetext", value.textContent + " for " + positive + "; " + words.join("; "));
      back.disabled = false;
    }

    function reset() {
      range.value = start;
      value.textContent = "as chosen on validation";
      range.setAttribute("aria-valuetext", "as chosen on validation");
      rows.forEach(function (row) {
        row.parts.forEach(function (kept) {
          kept.part.textContent = kept.text;
          if (kept.style !== null) { kept.part.setAttribute("style", kept.style); }
        });
      });
      back.disabled = true;
    }

    range.addEventListener("input", move);
    back.addEventListener("click", function () { reset(); range.focus(); });
    addEventListener("beforeprint", reset);  // on paper stands what was chosen beforehand
    reset();
    control.hidden = false;
  });
})();
