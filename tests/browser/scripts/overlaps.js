() => Array.from(document.querySelectorAll("svg")).flatMap((svg) => {
  // Pairs of words of one drawing, where one is written over the other, or touches it.
  const words = Array.from(svg.querySelectorAll("text")).filter((one) => one.textContent.trim());
  const places = words.map((one) => one.getBoundingClientRect()).filter((one) => one.width);
  const over = (one, other) => one.left < other.right + 4 && other.left < one.right + 4
    && one.top + 3 < other.bottom && other.top + 3 < one.bottom;
  return places.flatMap((one, at) => places.slice(at + 1).filter((other) => over(one, other)
  ).map(() => svg.getAttribute("aria-label") || svg.getAttribute("class")));
})
