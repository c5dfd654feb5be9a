// The parts of the page, each drawn from the server's answers.

import { bar, bytes, clock, draw, el, plural, span } from "./dom.js";
import { askCancel, askMigrate, showPlan } from "./dialogs.js";

const ENDED_MAX = 8;
const $ = (id) => document.getElementById(id);

export function drawAll(now) {
  draw($("summary"), summaryOf(now), summary);
  $("alarms").hidden = now.alarms.total === 0;
  draw(body("alarms"), now.alarms, alarms);
  draw(body("trouble"), { ...now.trouble, all: now.cluster.partitions }, trouble);
  draw(body("nodes"), now.nodes.map(({ silent_ms: _, ...node }) => node), nodes);
  draw(body("jobs"), now.jobs, jobs);
  draw(body("tables"), now.tables, tables);
  const { maintenance, maintenance_since: since, enable_region_failover: failover } = now.cluster;
  const button = $("maintenance");
  button.disabled = false;
  button.textContent = maintenance ? "End maintenance…" : "Maintenance…";
  button.classList.toggle("on", maintenance);
  button.dataset.on = maintenance;
  const notice = maintenance
    ? `Maintenance mode since ${clock(since)}: copies of nodes that are away are not made anew.`
    : failover ? "" : "Failover of regions is switched off: copies of nodes that are away are not made anew.";
  $("notice").textContent = notice;
  $("notice").hidden = notice === "";
}

function body(section) {
  return document.querySelector(`#${section} > .body`);
}

function summaryOf({ cluster, nodes }) {
  const alive = nodes.filter((node) => node.status === "ALIVE").length;
  return { alive, nodes: nodes.length, healthy: cluster.healthy, partitions: cluster.partitions, tables: cluster.tables, cluster: cluster.cluster };
}

function summary({ alive, nodes, healthy, partitions, tables, cluster }) {
  const fact = (name, value, kind) => el("div", {}, el("dt", {}, name), el(kind ? `dd.${kind}` : "dd", {}, value));
  return [
    fact("nodes alive", `${alive} of ${nodes}`, alive < nodes && "bad"),
    fact("partitions healthy", `${healthy} of ${partitions}`, healthy < partitions && "warn"),
    fact("tables", `${tables}`),
    el("div", { title: `cluster ${cluster}` }, el("dt", {}, "cluster"), el("dd.mono", {}, cluster.slice(0, 8))),
  ];
}

/** What does not get well by itself. */
function alarms({ total, alarms: list }) {
  const row = (a) => el("div.row.trouble", { title: a.since ? `since ${clock(a.since)}` : "" },
    el("b.mono", {}, a.gpid ?? `node ${a.node.id}`),
    el("span.wrap", {}, a.kind.replaceAll("_", " ")),
    el("ul.wrap", {}, el("li.warn", {}, a.message), el("li.soft", {}, a.hint)));
  const more = total > list.length && el("p.quiet", {}, `and ${total - list.length} more`);
  return el("div.card.list", {}, list.map(row), more);
}

function trouble({ total, partitions, all }) {
  if (total === 0) {
    return el("p.card.quiet", {}, all === 0 ? "There are no partitions yet." : `None: all ${plural(all, "partition")} have a primary and all members.`);
  }
  const row = (p) => el("div.row.trouble", {},
    el("b.mono", {}, p.gpid),
    el("span.wrap", {}, p.table),
    el("ul.wrap", {}, p.reasons.map((reason, at) => el(at === 0 ? "li.warn" : "li.soft", {}, reason))));
  const more = total > partitions.length && el("p.quiet", {}, `and ${total - partitions.length} more`);
  return el("div.card.list", {}, partitions.map(row), more);
}

function nodes(list) {
  if (list.length === 0) return el("p.card.quiet", {}, "No node has registered yet.");
  return el("div.grid", {}, list.map(node));
}

function node(n) {
  const dead = n.status !== "ALIVE";
  const role = (count, one, many) => el("span", {}, el("b", {}, `${count}`), ` ${count === 1 ? one : many}`);
  const plan = el("button.small", { type: "button", disabled: dead, data: { key: `plan-${n.peer_id}` }, click: () => showPlan(n) }, "Plan…");
  return el(dead ? "article.card.node.dead" : "article.card.node", {},
    el("div", {},
      el("h3", {}, `Node ${n.peer_id}`), el("span.mono.soft.wrap", {}, n.address),
      dead ? el("span.state.bad", {}, "DEAD") : plan),
    el("div.roles", {},
      role(n.primaries, "primary", "primaries"), role(n.secondaries, "secondary", "secondaries"),
      n.learners > 0 && role(n.learners, "learner", "learners")),
    !dead && !n.loaded && el("p.soft", {}, "It is still opening its replicas."),
    n.draining && el("p.drain.warn.wrap", {}, n.drain_blocked ? `draining, blocked: ${n.drain_blocked}` : "draining: its replicas leave it"),
    n.disks.length === 0 ? el("p.soft", {}, "It has not told of its disks yet.") : n.disks.map((d) => disk(n, d)));
}

const STATUS = {
  SPACE_INSUFFICIENT: ["bad", "nearly full: no writes, no new replicas"],
  IO_ERROR: ["bad", "a write or an fsync failed, or its identity file is gone"],
};

function disk(n, d) {
  const used = d.capacity_bytes - d.available_bytes;
  const share = d.capacity_bytes === 0 ? 0 : (100 * used) / d.capacity_bytes;
  const [kind, words] = STATUS[d.status] ?? [share > 85 ? "warn" : null, null];
  const flags = [words && `${d.status}, ${words}`, d.draining && "draining: it gets no new replicas"].filter(Boolean);
  return el("div.disk", {},
    el("span.mono", {}, d.disk),
    bar(`disk-${n.peer_id}-${d.disk}`, share, `${d.disk}: ${Math.round(share)} % used`, kind),
    el("span.size", { title: `${bytes(used)} used, ${bytes(d.available_bytes)} free` }, `${bytes(d.available_bytes)} free of ${bytes(d.capacity_bytes)}`),
    flags.length > 0 && el(`span.flag.${kind ?? "warn"}`, {}, flags.join("; ")));
}

const OVER = new Set(["completed", "failed", "cancelled"]);

function jobs({ jobs: list }) {
  const running = list.filter((j) => !OVER.has(j.state));
  const ended = list.filter((j) => OVER.has(j.state)).slice(0, ENDED_MAX);
  if (running.length + ended.length === 0) return el("p.card.quiet", {}, "Nothing moves, no table comes or goes, and nothing has ended lately.");
  return el("div.card.list", {}, running.map(job), ended.map(job));
}

function job(j) {
  const over = OVER.has(j.state);
  const kind = { completed: "done", failed: "bad" }[j.state];
  const tone = { completed: "good", failed: "bad", cancelled: "warn" }[j.state];
  const way = `${j.source} → ${j.target}`;
  const where = j.kind === "table" ? `${j.table} (id ${j.table_id})` : j.node ? `${j.node.addr}: ${way}` : way;
  const cancel = !over && mayTurnBack(j) && el("button.small", { type: "button", data: { key: `cancel-${j.id}` }, click: () => askCancel(j) }, "Cancel…");
  return el("div.row.job", { title: j.id },
    el("b", {}, VERBS[j.procedure] ?? j.kind),
    el("span.mono", {}, j.gpid ?? ""),
    el("span.where.wrap", {}, where),
    el("div.progress", {}, over ? el(`span.state.${tone}`, {}, j.state) : bar(`job-${j.id}`, j.percent, `${j.percent} %`, kind)),
    el("span.text", {}, (over ? ended : underWay)(j)),
    el("span.act.right", {}, cancel),
    j.error && j.state !== "completed" && el(over ? "span.more.wrap.bad" : "span.more.wrap.warn", {}, j.error),
    !over && j.note && el("span.more.wrap.soft", {}, j.note));
}

const VERBS = { rebuild: "anew", create_table: "create", drop_table: "drop" };

/** A copy that is made anew goes to where one is missing, a drop has taken place, and a table that is led may be in use. */
function mayTurnBack(j) {
  return { rebuild: false, drop_table: false, create_table: j.step === "lead" }[j.procedure] ?? true;
}

function underWay(j) {
  const counted = j.partitions_total !== null && `${j.partitions_done} of ${plural(j.partitions_total, "partition")}`;
  const copied = j.bytes_total > 0 && `${bytes(j.bytes_done)} of ${bytes(j.bytes_total)}`;
  const lag = j.lag !== null && `${j.lag} behind`;
  const left = j.eta_ms !== null && `${span(j.eta_ms)} left`;
  return [j.state === "queued" ? "queued" : j.step.toLowerCase(), j.state === "running" && `${j.percent} %`, counted, copied, lag, left].filter(Boolean).join(" · ");
}

function ended(j) {
  const took = j.started_at && j.finished_at && `took ${span(Math.max(0, new Date(j.finished_at) - new Date(j.started_at)))}`;
  const pause = j.write_pause_ms !== null && `writes paused ${span(j.write_pause_ms)}`;
  return [j.finished_at && clock(j.finished_at), took, pause].filter(Boolean).join(" · ");
}

function tables(list) {
  if (list.length === 0) return el("p.card.quiet", {}, "There are no tables: admin-cli create NAME -p PARTITIONS -r REPLICAS makes one.");
  const head = el("div.row.head.table", {}, ["id", "name", "partitions", "replicas", "healthy", ""].map((name) => el("span", {}, name)));
  const row = (t) => el("div.row.table", {},
    el("span.mono", {}, `${t.table_id}`),
    el("b.wrap", {}, t.name),
    el("span.hide", {}, `${t.partitions}`),
    el("span.hide", {}, `${t.replicas}`),
    el(t.healthy < t.partitions ? "span.warn" : "span", {}, `${t.healthy} of ${t.partitions}`),
    el("span.right", {}, el("button.small", { type: "button", data: { key: `move-${t.table_id}` }, click: () => askMigrate(`${t.table_id}.0`) }, "Move…")));
  return el("div.card.list", {}, head, list.map(row));
}
