// What an app does: takes a lock on localhost, and gives it back. The pool may be a moment younger than the sidecar.
import { performance } from "node:perf_hooks";
import { argv, exit } from "node:process";
import { setTimeout as sleep } from "node:timers/promises";

const { fetch } = globalThis;
const api = "http://localhost:4653/v1";
const pool = argv.at(-1);
const giveUpAt = performance.now() + 60_000;

for (;;) {
  const taken = await fetch(`${api}/locks/${pool}/test/acquire?wait=10s&ttl=30s`, { method: "POST" });
  const grant = await taken.json();
  if (taken.ok) {
    console.log(`taken: ${grant.lock}, fence ${grant.fence}`);
    const given = await fetch(`${api}/grants/${grant.grantId}`, { method: "DELETE" });
    console.log(`given back: ${given.status}`);
    exit(given.ok ? 0 : 1);
  }
  console.log(`${taken.status} ${grant.code}: ${grant.detail}`);
  if (performance.now() > giveUpAt) exit(1);
  await sleep(1_000);
}
