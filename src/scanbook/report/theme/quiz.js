(function () {
  // The quiz counts the reader's answers here, in the page; nothing is stored or sent.
  document.querySelectorAll("section.quiz").forEach(function (quiz) {
    var fields = Array.prototype.slice.call(quiz.querySelectorAll("fieldset"));
    var said = quiz.querySelector(".quiz-you"), you = quiz.querySelector(".you");
    var answers = quiz.querySelector(".quiz-answers");
    function tell() {
      var given = fields.filter(function (field) { return field.querySelector("input:checked"); });
      var right = given.filter(function (field) {
        return field.querySelector("input:checked").value === field.dataset.truth;
      });
      var all = given.length === fields.length;
      said.hidden = given.length === 0;
      said.textContent = all ? "All " + fields.length + " read. The answers stand below."
        : given.length + " of " + fields.length + " read.";
      you.hidden = given.length === 0;
      you.querySelector("dd").textContent = right.length + " of " + given.length;
      fields.forEach(function (field) {  // right or wrong is said in words too, and only once the answers are open
        var chosen = field.querySelector("input:checked"), legend = field.querySelector("legend");
        legend.textContent = legend.textContent.split(":")[0];
        field.classList.remove("right", "wrong");
        if (!answers.open || !chosen) { return; }
        var fits = chosen.value === field.dataset.truth;
        legend.textContent += fits ? ": right" : ": " + field.dataset.truth;
        field.classList.add(fits ? "right" : "wrong");
      });
    }
    quiz.addEventListener("change", tell);
    answers.addEventListener("toggle", tell);
  });
})();
