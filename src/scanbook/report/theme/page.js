(function () {
  var label = document.querySelector(".switch");
  if (label) {
    var codes = document.querySelectorAll("details.code:not(.parameters)");
    label.hidden = codes.length === 0;
    // Where the switch works, a reader of results meets no line that says "Code" fifty times.
    var show = function (shown) {
      document.documentElement.classList.toggle("without-code", !shown);
      codes.forEach(function (code) { code.open = shown; });
    };
    label.querySelector("input").addEventListener("change", function (event) { show(event.target.checked); });
    show(label.querySelector("input").checked);
  }

  // A box that scrolls sideways must be reachable by keyboard; one that does not should not cost a key press.
  var boxes = document.querySelectorAll("pre, .table-scroll, .plate-scroll");
  var watch = new ResizeObserver(function (entries) {
    entries.forEach(function (entry) {
      var box = entry.target;
      if (!box.clientWidth) { return; }
      if (box.scrollWidth > box.clientWidth + 1) {
        box.tabIndex = 0;
        box.setAttribute("role", "region");
        box.setAttribute("aria-label", box.dataset.label);
      } else {
        box.removeAttribute("tabindex");
        box.removeAttribute("role");
        box.removeAttribute("aria-label");
      }
    });
  });
  boxes.forEach(function (box, i) {
    box.dataset.label = box.getAttribute("aria-label") || "Text that scrolls sideways, box " + (i + 1);
    watch.observe(box);
  });

  // The contents list follows the reader.
  var links = Array.prototype.slice.call(document.querySelectorAll(".contents a"));
  var heads = links.map(function (link) { return document.getElementById(link.hash.slice(1)); });
  var due = false;
  function mark() {
    due = false;
    var now = -1;
    heads.forEach(function (head, i) { if (head && head.getBoundingClientRect().top < 120) { now = i; } });
    links.forEach(function (link, i) {
      if (i === now) { link.setAttribute("aria-current", "true"); } else { link.removeAttribute("aria-current"); }
    });
  }
  if (links.length) {
    addEventListener("scroll", function () {
      if (!due) { due = true; requestAnimationFrame(mark); }
    }, { passive: true });
    mark();
  }

  // A link to a heading or plate inside a folded part opens it first.
  function reveal() {
    var target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (var box = target; box; box = box.parentElement) { if (box.tagName === "DETAILS") { box.open = true; } }
    if (target) { target.scrollIntoView(); }
  }
  addEventListener("hashchange", reveal);
  if (location.hash) { reveal(); }
})();
