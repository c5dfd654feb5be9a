// Building the page from data. All text goes in as text nodes: a name can never become markup.

/** An element: its tag and classes ("div.card.quiet"), properties, and children (elements, texts; null is left out). */
export function el(what, props, ...children) {
  const [tag, ...classes] = what.split(".");
  const node = document.createElement(tag);
  node.classList.add(...classes);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (name === "data") Object.assign(node.dataset, value);
    else if (name === "click") node.addEventListener("click", value);
    else if (name.startsWith("aria-") || name === "role") node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const shown = new Map();

/** Draws into a place again only if the data changed, so that nobody loses a selection; the focus stays where it was. */
export function draw(place, data, build) {
  const text = JSON.stringify(data);
  if (shown.get(place) === text) return;
  shown.set(place, text);
  const key = document.activeElement?.dataset?.key;
  const widths = new Map([...place.querySelectorAll("[data-bar]")].map((bar) => [bar.dataset.bar, bar.firstChild.style.width]));
  place.replaceChildren(...[build(data)].flat());
  for (const bar of place.querySelectorAll("[data-bar]")) grow(bar, widths.get(bar.dataset.bar));
  if (key) [...place.querySelectorAll("[data-key]")].find((node) => node.dataset.key === key)?.focus();
}

/** A bar; `id` tells it from others, so that it grows from where it was. */
export function bar(id, percent, label, kind) {
  const width = Math.max(0, Math.min(100, percent));
  const node = el(kind ? `div.bar.${kind}` : "div.bar",
    { role: "meter", "aria-label": label, "aria-valuenow": Math.round(width), "aria-valuemin": 0, "aria-valuemax": 100, data: { bar: id } },
    el("i"));
  node.firstChild.style.width = `${width}%`;
  return node;
}

function grow(bar, from) {
  if (from === undefined || from === bar.firstChild.style.width) return;
  const to = bar.firstChild.style.width;
  bar.firstChild.style.width = from;
  requestAnimationFrame(() => requestAnimationFrame(() => { bar.firstChild.style.width = to; }));
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** Bytes for people: three digits that count. */
export function bytes(number) {
  let unit = 0;
  while (number >= 1000 && unit < UNITS.length - 1) { number /= 1024; unit += 1; }
  const digits = unit === 0 || number >= 100 ? 0 : number >= 10 ? 1 : 2;
  return `${number.toFixed(digits)} ${UNITS[unit]}`;
}

/** A span of milliseconds for people. */
export function span(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const s = ms / 1000;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 120) return `${Math.round(s)} s`;
  return s < 7200 ? `${Math.round(s / 60)} min` : `${Math.round(s / 3600)} h`;
}

/** A time of day, with its date unless it is today's. */
export function clock(text) {
  const at = new Date(text);
  const day = at.toDateString() === new Date().toDateString() ? "" : `${at.toLocaleDateString()} `;
  return day + at.toLocaleTimeString([], { hourCycle: "h23" });
}

export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}
