// Copy buttons, and a list that asks for what is new. Everything works without it.
"use strict";

for (const button of document.querySelectorAll("[data-copy]")) {
  const source = document.getElementById(button.dataset.copy);
  const words = button.innerHTML;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      // Without TLS, browsers give the clipboard to this machine's own pages only.
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
      const answer = await fetch(list.dataset.live, { redirect: "error" });
      const text = answer.ok ? (await answer.text()).trim() : list.innerHTML;
      if (list.dataset.shown !== undefined && list.dataset.shown !== text) list.innerHTML = text;
      if (list.dataset.shown === undefined) list.innerHTML = text;
      list.dataset.shown = text;
    } catch {
      // The server is away; what stands there stays until it is back.
    }
  }, 2000);
}
