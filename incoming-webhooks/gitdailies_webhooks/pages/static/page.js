// Copy buttons, and a list that updates itself. Everything works without this script.
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
