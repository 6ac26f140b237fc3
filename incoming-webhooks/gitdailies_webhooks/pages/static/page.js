// Copy buttons, a list that updates itself, and charts that are read by keys. Everything works without this script.
"use strict";

for (const button of document.querySelectorAll("[data-copy]")) {
  const source = document.getElementById(button.dataset.copy);
  const words = button.innerHTML;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      // Without TLS, browsers allow the clipboard only for pages of the same machine.
      const range = document.createRange();
      range.selectNodeContents(source);
      const selection = window.getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.innerHTML = words; }, 2000);
  });
}

for (const link of document.querySelectorAll("[data-without-script]")) {
  link.hidden = true;
}

for (const list of document.querySelectorAll("[data-live]")) {
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const response = await fetch(list.dataset.live, { redirect: "error" });
      const text = response.ok ? (await response.text()).trim() : list.innerHTML;
      if (list.dataset.shown !== undefined && list.dataset.shown !== text) list.innerHTML = text;
      if (list.dataset.shown === undefined) list.innerHTML = text;
      list.dataset.shown = text;
    } catch {
      // The server does not respond. The list stays as it is until it does.
    }
  }, 2000);
}

// A chart is one tab stop. The keys and the pointer read the titles of its buckets.
for (const plot of document.querySelectorAll("[data-plot]")) {
  const fields = Array.from(plot.querySelectorAll(".field"));
  const output = plot.querySelector("output");
  let at = -1;
  const read = (next) => {
    for (const field of fields) field.classList.remove("here");
    at = next;
    if (at >= 0) fields[at].classList.add("here");
    plot.classList.toggle("reading", at >= 0);
    output.textContent = at >= 0 ? fields[at].textContent : "";
  };
  plot.tabIndex = 0;
  plot.setAttribute("role", "application");
  plot.setAttribute("aria-label", `${plot.dataset.plot}: arrow keys, Home, End, Escape`);
  output.hidden = false;
  plot.addEventListener("keydown", (event) => {
    const last = fields.length - 1;
    const next = {
      ArrowRight: Math.min(at + 1, last),
      ArrowLeft: at < 0 ? last : Math.max(at - 1, 0),
      Home: 0,
      End: last,
      Escape: -1,
    }[event.key];
    if (next === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    read(next);
  });
  plot.addEventListener("blur", () => read(-1));
  plot.addEventListener("pointerover", (event) => {
    const over = fields.indexOf(event.target);
    if (over >= 0) read(over);
  });
  plot.addEventListener("pointerleave", () => read(-1));
}
