// Copy buttons, lists and figures that renew themselves, and charts that are read by keys. Everything works without this script.
"use strict";

// No person asks, so the session goes on towards its end.
const RENEWAL = { "X-Renewal": "yes" };

for (const button of document.querySelectorAll("[data-copy]")) {
  const source = document.getElementById(button.dataset.copy);
  const words = button.innerHTML;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      // Without TLS, browsers allow the clipboard only for pages of the same machine.
      source.closest("details")?.setAttribute("open", "");
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

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

for (const link of document.querySelectorAll("[data-without-script]")) {
  link.hidden = true;
}

// Where there is little room, these begin closed.
const phone = matchMedia("(max-width: 36rem)");
const fold = () => {
  for (const part of document.querySelectorAll("[data-folded-on-phones]")) part.open = !phone.matches;
};
fold();
phone.addEventListener("change", fold);

for (const list of document.querySelectorAll("[data-live]")) {
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const response = await fetch(list.dataset.live, { redirect: "error", headers: RENEWAL });
      const text = response.ok ? (await response.text()).trim() : list.innerHTML;
      if (list.dataset.shown !== undefined && list.dataset.shown !== text) list.innerHTML = text;
      if (list.dataset.shown === undefined) list.innerHTML = text;
      list.dataset.shown = text;
    } catch {
      // The server does not respond. The list stays as it is until it does.
    }
  }, 2000);
}

// A chart is one tab stop. The keys and the pointer read the titles of its buckets, which may change meanwhile.
function readable(plot) {
  const fields = () => Array.from(plot.querySelectorAll(".field"));
  const output = plot.querySelector("output");
  let at = -1;
  const read = (next) => {
    for (const field of fields()) field.classList.remove("here");
    const chosen = fields()[next];
    at = chosen ? next : -1;
    if (chosen) chosen.classList.add("here");
    plot.classList.toggle("reading", at >= 0);
    output.textContent = chosen ? chosen.textContent : "";
  };
  plot.tabIndex = 0;
  plot.setAttribute("role", "application");
  plot.setAttribute("aria-label", `${plot.dataset.plot}: arrow keys, Home, End, Escape`);
  output.hidden = false;
  plot.addEventListener("keydown", (event) => {
    const last = fields().length - 1;
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
    const over = fields().indexOf(event.target);
    if (over >= 0) read(over);
  });
  plot.addEventListener("pointerleave", () => read(-1));
}
for (const plot of document.querySelectorAll("[data-plot]")) readable(plot);

// A timeline is one tab stop: the arrow keys, Home and End go from event to event, and Enter opens one.
function onTimelines(reached) {
  for (const timeline of document.querySelectorAll("svg.timeline")) {
    const events = Array.from(timeline.querySelectorAll("a"));
    const stop = events.includes(reached) ? reached : (events.find((event) => event.matches(":focus")) ?? events[0]);
    for (const event of events) event.tabIndex = event === stop ? 0 : -1;
  }
}
onTimelines();
document.addEventListener("keydown", (event) => {
  const reached = event.target.closest?.("svg.timeline a");
  if (!reached || event.ctrlKey || event.altKey || event.metaKey) return;
  const events = Array.from(reached.closest("svg").querySelectorAll("a"));
  const at = events.indexOf(reached);
  const last = events.length - 1;
  const next = { ArrowRight: Math.min(at + 1, last), ArrowLeft: Math.max(at - 1, 0), Home: 0, End: last }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  onTimelines(events[next]);
  events[next].focus();
});

// Change only what differs, so that focus, scroll and what a person opened stay. These change by hand or above.
const BY_HAND = "details, [data-plot], output, [data-copy]";
function renew(old, fresh) {
  if (old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  if (!old.matches(BY_HAND)) {
    for (const { name } of Array.from(old.attributes)) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const [before, after] = [Array.from(old.childNodes), Array.from(fresh.childNodes)];
  after.forEach((node, at) => {
    if (before[at]) renew(before[at], node);
    else old.append(node);
  });
  for (const node of before.slice(after.length)) node.remove();
}

// Figures that renew themselves. A request names the tag of the answer before, and is answered 304 while it holds.
const figures = document.querySelector("[data-refresh]");
if (figures) {
  const wait = figures.dataset.refresh * 1000;
  const stale = document.querySelector("[data-stale]");
  let tag = "";
  let asked = Date.now();
  let heard = asked;
  const refresh = async () => {
    if (document.hidden || figures.querySelector(".reading")) return;
    asked = Date.now();
    try {
      // A wall of several pages turns to the next one.
      const turned = figures.dataset.turned;
      const headers = tag && !turned ? { ...RENEWAL, "If-None-Match": tag } : RENEWAL;
      const response = await fetch(turned ?? location.href, { cache: "no-store", headers, redirect: "error" });
      if (response.status === 200) {
        const parsed = new DOMParser().parseFromString(await response.text(), "text/html");
        renew(figures, parsed.querySelector("[data-refresh]"));
        for (const plot of figures.querySelectorAll("[data-plot]:not([tabindex])")) readable(plot);
        onTimelines();
        tag = response.headers.get("etag") ?? "";
      }
      if (response.ok || response.status === 304) heard = Date.now();
    } catch {
      // The server does not respond, or asks to sign in. What was last shown stays.
    }
    stale.hidden = Date.now() - heard < 5 * wait;
    if (!stale.hidden) stale.textContent = `Not updated since ${new Date(heard).toLocaleString()}. Reload the page to see why.`;
  };
  setInterval(refresh, wait);
  document.addEventListener("visibilitychange", () => {
    if (Date.now() - asked >= wait) refresh();
  });
}
