// Asking the server. Changes carry the admin token if one was given; it is kept for this tab only.

const KEY = "godwit-admin-token";
const ANSWER_MAX_MS = 10_000;

/** A refusal, as the server words it. */
export class Refused extends Error {
  constructor(status, { code, message, hint }) {
    super(message);
    Object.assign(this, { status, code, hint });
  }
}

export function keepToken(token) {
  sessionStorage.setItem(KEY, token);
}

async function call(path, options) {
  const response = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MAX_MS), ...options });
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Refused(response.status, body?.error ?? { code: "", message: `status ${response.status}`, hint: "" });
  return body;
}

function query(params) {
  const text = new URLSearchParams(params).toString();
  return text === "" ? "" : `?${text}`;
}

export function get(path, params = {}) {
  return call(path + query(params));
}

export function change(path, params = {}) {
  const token = sessionStorage.getItem(KEY);
  return call(path + query(params), { method: "POST", headers: token ? { Authorization: `Bearer ${token}` } : {} });
}

/** All that the page shows. */
export async function everything() {
  const [cluster, nodes, tables, alarms, trouble, jobs] = await Promise.all([
    get("admin/cluster"),
    get("admin/nodes"),
    get("admin/tables"),
    get("admin/alarms", { limit: 50 }),
    get("admin/partitions", { unhealthy: true, limit: 50 }),
    get("admin/jobs", { limit: 40 }),
  ]);
  return { cluster, nodes: nodes.nodes, tables: tables.tables, alarms, trouble, jobs };
}
