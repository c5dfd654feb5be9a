// The page refreshes by itself, and says so when it cannot.

import { everything } from "./api.js";
import { listen } from "./dialogs.js";
import { drawAll } from "./sections.js";
import { el, span } from "./dom.js";

const EVERY_MS = 2000;
const $ = (id) => document.getElementById(id);

let heard = null;
let timer = null;
let running = false;

async function refresh() {
  clearTimeout(timer);
  if (running) return;
  running = true;
  try {
    drawAll(await everything());
    heard = Date.now();
    live();
  } catch (error) {
    lost(error);
  } finally {
    running = false;
    timer = document.hidden ? null : setTimeout(refresh, EVERY_MS);
  }
}

function live() {
  $("link").className = "live";
  $("link").replaceChildren("live", el("span.wide", {}, `, every ${EVERY_MS / 1000} s`));
  $("alarm").hidden = true;
  document.querySelector("main").classList.remove("stale");
}

function lost(error) {
  $("link").className = "lost";
  $("link").textContent = "no answer";
  const since = heard === null ? "" : ` What is shown is ${span(Date.now() - heard)} old.`;
  const cause = error.status ? `The server answers: ${error.message}.` : "The server cannot be reached.";
  $("alarm").textContent = `${cause}${since}`;
  $("alarm").hidden = false;
  document.querySelector("main").classList.add("stale");
}

listen();
document.addEventListener("changed", refresh);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
refresh();
