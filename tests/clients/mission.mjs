// Unmodified node-redis against a cluster that fails beneath it.
//
// Usage: mission.mjs HOST:PORT[,HOST:PORT...] MODULES [SECONDS] (MODULES: the directory in which npm installed). With
// SECONDS it reads from replicas too, which may lack what was acknowledged within so many seconds. Works until standard
// input ends, and then until every worker has counted some times more, which shows that the client is well again. Prints one
// JSON document: operations that were answered, errors that the client let through by kind, and every wrong answer.
import { createRequire } from "node:module";

const { createCluster } = createRequire(`${process.argv[3]}/`)("redis");

const WORKERS = 4;
const COUNTS_AFTER = 50;
const staleMaxMs = Number(process.argv[4] ?? 0) * 1000;
const report = { operations: 0, errors: {}, wrong: [] };
let stopped = false;

// The answer of an operation, or undefined if the client gave it up: its outcome is then unknown.
async function attempt(work) {
  try {
    const answer = await work();
    report.operations += 1;
    return answer ?? null;
  } catch (error) {
    const kind = error.constructor.name;
    report.errors[kind] = (report.errors[kind] ?? 0) + 1;
    await new Promise((resolve) => setTimeout(resolve, 10));
    return undefined;
  }
}

function judge(what, found, least, most) {
  if (found < least || found > most) report.wrong.push(`${what}: ${found} is not within ${least}..${most}`);
}

// A value that only ever rises, written and read back by one worker.
class Register {
  tried = 0;
  // When each value was acknowledged, beginning with the last that every reader has to see.
  acknowledged = [{ at: -Infinity, value: 0 }];

  constructor(what, write, read) {
    Object.assign(this, { what, write, read });
  }

  async step() {
    const value = ++this.tried;
    if ((await attempt(() => this.write(String(value)))) !== undefined) {
      this.acknowledged.push({ at: performance.now(), value });
    }
    while (this.acknowledged[1]?.at <= performance.now() - staleMaxMs) this.acknowledged.shift();
    const found = await attempt(this.read);
    if (found !== undefined) judge(this.what, Number(found ?? 0), this.acknowledged[0].value, this.tried);
  }
}

async function worker(client, number) {
  const [key, table, counter] = ["string", "hash", "counter"].map((kind) => `js:${kind}:${number}`);
  const registers = [
    new Register(key, (value) => client.set(key, value), () => client.get(key)),
    new Register(table, (value) => client.hSet(table, "field", value), () => client.hGet(table, "field")),
  ];
  let counted = 0;
  let more = COUNTS_AFTER;
  while (more > 0) {
    for (const register of registers) await register.step();
    // An increment that the client repeats may count twice, but never goes back.
    const count = await attempt(() => client.incr(counter));
    if (count !== undefined) {
      judge(counter, count, counted + 1, Number.MAX_SAFE_INTEGER);
      counted = count;
      more -= Number(stopped);
    }
  }
}

const rootNodes = process.argv[2].split(",").map((address) => ({ url: `redis://${address}` }));
const client = createCluster({ rootNodes, useReplicas: staleMaxMs > 0 });
client.on("error", () => {});
await client.connect();
const workers = Array.from({ length: WORKERS }, (_, number) => worker(client, number));
console.log("working");
for await (const _ of process.stdin);
stopped = true;
await Promise.all(workers);
console.log(JSON.stringify(report));
process.exit(0);
