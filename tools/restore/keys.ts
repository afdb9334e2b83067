/** What of Holdfast stands in an etcd, all namespaces at once, sorted by what a restore does with it. */
import type { Outcome } from "#core/outcome.ts";
import { after, type Runtime } from "#core/runtime.ts";
import { dataTree } from "#core/session/keys.ts";
import type { Key, KeyValue, LeaseId, Store, Wait } from "#core/store.ts";
import { NotRestored } from "./plan.ts";

/** Parts of a namespace's data that go with the session that wrote them (core/session/keys.ts and its neighbours). */
const ofSessions: ReadonlySet<string> = new Set([
  "sessions",
  "locks",
  "roles",
  "inbox",
  "sidecars",
]);
/** Values come with the keys, since etcd 3.7 tells no leases without them. */
const pageKeys = 1_000;
const answerMs = 60_000;

export interface Standing {
  /** Each with one of its keys. */
  readonly leases: ReadonlyMap<LeaseId, Key>;
  /** Of sessions that are over, on a lease or not. */
  readonly ofSessions: readonly KeyValue[];
  /** The keys that say that etcd began anew. */
  readonly anew: readonly KeyValue[];
  readonly marks: number;
}

export async function look(store: Store, runtime: Runtime, signal: AbortSignal): Promise<Standing> {
  const leases = new Map<LeaseId, Key>();
  const sessions: KeyValue[] = [];
  const anew: KeyValue[] = [];
  let marks = 0;
  let { key } = dataTree;
  for (;;) {
    const range = { key, end: dataTree.end, limit: pageKeys };
    const read = await store.read([range], waitFor(runtime, signal));
    const { ranges } = valueOf(read, "be read");
    const keys = ranges[0]?.keys ?? [];
    for (const kv of keys) {
      const [, part = ""] = kv.key.slice(dataTree.key.length).split("/");
      if (kv.lease !== undefined) leases.set(kv.lease, kv.key);
      if (ofSessions.has(part) || kv.lease !== undefined) sessions.push(kv);
      else if (part === "anew") anew.push(kv);
      else if (part === "marks") marks += 1;
    }
    const last = keys.at(-1);
    if (last === undefined || keys.length < pageKeys)
      return { leases, ofSessions: sessions, anew, marks };
    key = `${last.key}\0`;
  }
}

export function waitFor(runtime: Runtime, signal: AbortSignal): Wait {
  return { signal, deadline: after(runtime.now(), answerMs) };
}

/** Nobody else is there, so what is not done is a fault of this machine. Nothing was published; it may be tried again. */
export function valueOf<T>(outcome: Outcome<T>, what: string): T {
  if (outcome.kind === "done") return outcome.value;
  const { reason } = outcome;
  const why = reason.code === "stale" ? "it changed meanwhile" : reason.message;
  throw new NotRestored(`The restored etcd could not ${what}: ${why}. Try again.`);
}
