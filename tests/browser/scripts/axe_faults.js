every => {
  // The faults that axe finds. Unless every text is asked for, contrast, which takes most of the time, is
  // checked for three of each kind: texts of one color and size whose ancestors have the same backgrounds.
  const kinds = new Map(), seen = {};
  for (const part of document.querySelectorAll("*")) {
    const { color, background, opacity, fontSize, fontWeight } = getComputedStyle(part);
    kinds.set(part, [kinds.get(part.parentElement), background, opacity].join());
    const written = [...part.childNodes].some(one => one.nodeType === Node.TEXT_NODE && one.data.trim());
    if (!part.checkVisibility() || !(written || part.matches("input, select, textarea"))) continue;
    const text = [kinds.get(part), color, fontSize, fontWeight].join();
    seen[text] = (seen[text] || 0) + 1;
    part.toggleAttribute("data-contrast", seen[text] <= 3);
  }
  axe.configure({ rules: [{ id: "color-contrast", selector: every ? "*" : "[data-contrast]" }] });
  return axe.run({ resultTypes: ["violations"] }).then(found => found.violations);
}
