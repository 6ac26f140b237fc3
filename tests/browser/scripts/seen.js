cells => cells.map(cell => {
  // What a person sees of a cell, as a part of its width.
  const inner = cell.getBoundingClientRect(), outer = cell.closest(".scroll").getBoundingClientRect();
  return (Math.min(inner.right, outer.right) - Math.max(inner.left, outer.left)) / inner.width;
})
