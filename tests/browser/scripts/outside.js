() => [
  // Columns that are cut off, and dots that hang over the edge. Numbers and the documentation may scroll.
  ...document.querySelectorAll(":not(.help) > .scroll table:not(.numbers) :is(th, td), .timeline circle")
].filter(part => {
  const inner = part.getBoundingClientRect();
  const outer = part.closest(".scroll, .timeline").getBoundingClientRect();
  return inner.width > 0 && (inner.right > outer.right + 0.5 || inner.left < outer.left - 0.5);
}).map(part => part.outerHTML)
