/**
 * One of the replicas of a service, of which one leads. Start three, in as many pods:
 *
 *     node replica.ts NAME
 *
 * Each stands for election, and each follows who leads. When the leader goes, the next in line leads at once; when it is
 * killed, when its lock's ttl is over.
 */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "@holdfast/client";

const [name = "replica"] = process.argv.slice(2);
const holdfast = connect({ holder: name });
const leaders = holdfast.locks("leaders");
const stopping = new AbortController();
process.once("SIGTERM", () => stopping.abort());

await Promise.all([stand(), follow()]);
await holdfast.close();

async function stand(): Promise<void> {
  const metadata = { url: `http://${name}.example.com` };
  const signal = stopping.signal;
  // The metadata is what followers need to reach the leader.
  for await (const grant of leaders.elect("mailer", { ttl: "3s", metadata, signal })) {
    console.log(`${name} leads, fence ${grant.fence}`);
    await lead(AbortSignal.any([grant.signal, signal]));
    console.log(`${name} leads no more`);
  }
}

/** What only the leader does, until it leads no more. What it writes carries the fence: see ../fences. */
async function lead(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) await sleep(100);
}

async function follow(): Promise<void> {
  for await (const event of leaders.events("mailer", { signal: stopping.signal })) {
    // Nobody, or not known: what needs the leader waits.
    const [leader] = event.kind === "holder" ? event.holders : [];
    console.log(`${name} follows ${leader?.metadata?.["url"] ?? event.kind}`);
  }
}
