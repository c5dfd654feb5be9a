// Questions. Nothing is changed before somebody says yes; what the server refuses is shown where it was asked.

import { change, get, keepToken } from "./api.js";
import { bar, bytes, el, plural, span } from "./dom.js";

const $ = (id) => document.getElementById(id);

/** Asks. `act` runs on yes and may throw; with no `act` there is nothing to say yes to. */
function ask({ title, body, yes, act }) {
  $("ask-title").textContent = title;
  $("ask-body").replaceChildren(...[body].flat());
  $("ask-yes").textContent = yes ?? "";
  $("ask-yes").hidden = !act;
  $("ask-no").textContent = act ? "Cancel" : "Close";
  $("ask-token").hidden = true;
  fail(null);
  $("ask").act = act;
  $("ask-yes").disabled = false;
  if (!$("ask").open) $("ask").showModal();
}

function fail(error) {
  $("ask-error").hidden = error === null;
  $("ask-error").textContent = error === null ? "" : [error.message, error.hint].filter(Boolean).join(". ");
}

async function answer() {
  const token = $("ask-token").querySelector("input");
  if (!$("ask-token").hidden && token.value !== "") keepToken(token.value);
  $("ask-yes").disabled = true;
  try {
    await $("ask").act();
    token.value = "";
    $("ask").close();
    document.dispatchEvent(new Event("changed"));
  } catch (error) {
    fail(error);
    $("ask-token").hidden = error.status !== 401;
    if (error.status === 401) token.focus();
  } finally {
    $("ask-yes").disabled = false;
  }
}

export function listen() {
  $("ask").querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    if ($("ask").act && !$("ask-yes").disabled) answer();
  });
  $("ask-no").addEventListener("click", () => $("ask").close());
  $("maintenance").addEventListener("click", () => askMaintenance($("maintenance").dataset.on !== "true"));
  $("migrate").addEventListener("click", () => askMigrate(""));
}

function askMaintenance(on) {
  ask({
    title: on ? "Begin maintenance?" : "End maintenance?",
    body: el("p", {}, on
      ? "While it is on, copies of nodes that are away are not made anew elsewhere. Leaders are appointed and take over as always. It lasts until it is ended, also through restarts."
      : "Copies of nodes that are away are made anew elsewhere again, after the usual delay."),
    yes: on ? "Begin maintenance" : "End maintenance",
    act: () => change("admin/maintenance", { enable: on }),
  });
}

export function askCancel(job) {
  const creates = job.procedure === "create_table";
  const move = `${job.node ? `${job.node.addr}: ` : ""}${job.source} → ${job.target}, ${job.percent} % done. The replica stays where it is, and what was copied is removed.`;
  ask({
    title: creates ? `Cancel the creation of ${job.table}?` : `Cancel the move of ${job.gpid}?`,
    body: el("p.wrap", {}, creates ? `Table ${job.table} is dropped again, with whatever was written to it.` : move),
    yes: creates ? "Drop it again" : "Cancel the move",
    act: () => change("admin/job/cancel", { id: job.id }),
  });
}

/** A region is chosen by its gpid; the nodes to choose from follow. */
export function askMigrate(gpid) {
  const region = el("input", { value: gpid, placeholder: "for example 1.3", required: true, spellcheck: false, autocomplete: "off", name: "gpid" });
  const from = el("select", { name: "from" });
  const to = el("select", { name: "to" });
  const timeout = el("input", { value: "5m", required: true, spellcheck: false, autocomplete: "off", name: "timeout" });
  const found = el("p.soft", { role: "status" }, "A region is a partition: table id, a point, and its number.");
  const field = (name, control, wide) => el(wide ? "label.wide" : "label", {}, name, control);
  let regionId = null;
  const look = async () => {
    regionId = null;
    if (region.value === "") return;
    try {
      const [{ partitions }, { nodes }] = await Promise.all([get("admin/partitions", { gpid: region.value.trim() }), get("admin/nodes")]);
      regionId = partitions[0]?.region_id ?? null;
      found.textContent = regionId === null ? `There is no region ${region.value}.` : `Region ${regionId} of table ${partitions[0].table}.`;
      fill(partitions[0], nodes, from, to);
    } catch (error) {
      found.textContent = error.message;
    }
  };
  region.addEventListener("change", look);
  ask({
    title: "Move a region",
    body: [el("div.fields", {}, field("Region", region), field("From node", from), field("To node", to), field("Time to catch up", timeout, true)), found],
    yes: "Move it",
    act: async () => {
      if (regionId === null) await look();
      if (regionId === null) throw new Error(`there is no region ${region.value}`);
      await change("admin/region-migration", { region_id: regionId, from_peer_id: from.value, to_peer_id: to.value, replay_timeout: timeout.value.trim() });
    },
  });
  look();
}

function fill(partition, nodes, from, to) {
  const role = (id) => {
    if (partition?.primary?.id === id) return "primary";
    if (partition?.secondaries.some((peer) => peer.id === id)) return "secondary";
    return null;
  };
  const option = (n, text) => el("option", { value: `${n.peer_id}` }, `node ${n.peer_id}, ${n.address}${text ? `, ${text}` : ""}`);
  const holders = nodes.filter((n) => role(n.peer_id));
  const others = nodes.filter((n) => partition && n.status === "ALIVE");
  from.replaceChildren(...holders.map((n) => option(n, role(n.peer_id))));
  to.replaceChildren(...others.sort((a, b) => Boolean(role(a.peer_id)) - Boolean(role(b.peer_id))).map((n) => option(n, role(n.peer_id))));
}

/** What would even out the disks of a node. Nothing to say yes to: the command is shown. */
export async function showPlan(node, by = "bytes") {
  const choose = el("select", { name: "by" }, ["bytes", "count", "primaries"].map((what) => el("option", { value: what, selected: what === by }, what)));
  choose.addEventListener("change", () => showPlan(node, choose.value));
  const place = el("div", {}, el("p.soft", {}, "Asking the node…"));
  ask({ title: `Plan for node ${node.peer_id}`, body: [el("label", {}, "Even out", choose), place] });
  try {
    const { plans } = await get("admin/disk-plan", { node: node.peer_id, by });
    place.replaceChildren(...plans.map((p) => plan(p, node, by)));
  } catch (error) {
    fail(error);
    place.replaceChildren();
  }
}

function plan(p, node, by) {
  const share = (value) => (by === "bytes" ? `${Math.round(value * 100)} %` : value.toFixed(value % 1 === 0 ? 0 : 2));
  const most = Math.max(...p.disks.flatMap((d) => [d.before, d.after]), by === "bytes" ? 1 : 0.001);
  const disk = (d) => el("div.disk", {}, el("span.mono", {}, d.disk), bar(`plan-${d.disk}`, (100 * d.after) / most, `${d.disk} after the moves`),
    el("span.size", {}, d.before === d.after ? share(d.after) : `${share(d.before)} → ${share(d.after)}`));
  const move = (m) => el("div.row.move", { title: m.reason }, el("b.mono", {}, m.gpid), el("span", {}, `${m.source} → ${m.target}`), el("span.right.soft", {}, bytes(m.bytes)));
  const took = p.expected_ms === null ? "" : `, about ${span(p.expected_ms)}`;
  const words = p.moves.length === 0 ? "No move would make the disks more even." : `${plural(p.moves.length, "move")}, ${bytes(p.bytes)}${took}. To do it:`;
  const command = `admin-cli disk-balance -n ${node.address} --by ${by} --execute --wait`;
  return el("div", { id: "ask-plan" }, p.disks.map(disk), el("p.words", {}, words),
    p.moves.length > 0 && [el("div.moves", {}, p.moves.map(move)), el("p.command.mono", {}, command)]);
}
