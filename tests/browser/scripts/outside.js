() => [
  // Columns that are cut off, of tables other than those of numbers; and dots that hang over the edge.
  ...document.querySelectorAll(".scroll table:not(.numbers) :is(th, td), .timeline circle")
].filter(part => {
  const inner = part.getBoundingClientRect();
  const outer = part.closest(".scroll, .timeline").getBoundingClientRect();
  return inner.width > 0 && (inner.right > outer.right + 0.5 || inner.left < outer.left - 0.5);
}).map(part => part.outerHTML)
