() => {
  // Words that are written on two lines. An address or a long id may break.
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode, part = text.parentElement;
    if (!part.checkVisibility() || part.closest(".aside, svg, pre, code, title")) continue;
    if (text.data.includes("://")) continue;
    for (const word of text.data.matchAll(/(?<![^\s(/])\p{Script=Latin}{2,19}(?=[\s.,;:?!)/]|$)/gu)) {
      const range = document.createRange();
      range.setStart(text, word.index);
      range.setEnd(text, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].filter(one => one.width > 0).map(one => one.top));
      if (lines.size > 1) found.push(word[0]);
    }
  }
  return found;
}
