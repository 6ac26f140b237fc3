() => {
  // The size of each text as it is drawn, in px: the letters of a drawing are scaled with it.
  const found = {};
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const part = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !part.checkVisibility()) continue;
    if (part.closest(".aside, title")) continue;
    const drawing = part.closest("svg");
    const scale = drawing ? drawing.getScreenCTM().a : 1;
    const size = parseFloat(getComputedStyle(part).fontSize) * scale;
    found[drawing ? "drawn" : "written"] ??= [];
    found[drawing ? "drawn" : "written"].push([size, walker.currentNode.data.trim()]);
  }
  return found;
}
