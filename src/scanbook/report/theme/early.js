(function () {
  // Runs before the first paint: the list stands open beside a wide page and folded above a narrow one.
  var list = document.querySelector(".contents details");
  var wide = matchMedia("(min-width: 1080px)");
  function fit() { list.open = wide.matches; }
  fit();
  wide.addEventListener("change", fit);
})();
