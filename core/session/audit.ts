/**
 * Catches every leak that nobody thought of: asks etcd for the keys of the session's lease. Known is every key whose put
 * was sent and whose removal is not confirmed. What two audits in a row did not know, with one create revision, becomes an
 * intent that compares that revision.
 */
import { after, sleep, type Runtime } from "../runtime.ts";
import type { Key, LeaseId, Revision, Store } from "../store.ts";
import type { Intents } from "./intents.ts";

const everyMs = 180_000;
const answerMs = 10_000;
/** Suspects looked at in one audit; the next takes the rest. */
const suspectsMax = 100;

export interface AuditParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly lease: LeaseId;
  readonly known: ReadonlySet<Key>;
  readonly intents: Intents;
}

export async function auditLease(parts: AuditParts, signal: AbortSignal): Promise<void> {
  let suspects = new Map<Key, Revision>();
  for (;;) {
    await sleep(parts.runtime, everyMs * (0.75 + parts.runtime.random() / 2), signal);
    suspects = await auditOnce(parts, suspects, signal);
  }
}

/** Returns the keys that nobody here knows, with their create revisions; those suspected before become intents. */
export async function auditOnce(
  { runtime, store, lease, known, intents }: AuditParts,
  before: ReadonlyMap<Key, Revision>,
  signal: AbortSignal,
): Promise<Map<Key, Revision>> {
  const wait = { signal, deadline: after(runtime.now(), answerMs) };
  const listed = await store.leases.keys(lease, wait);
  if (listed.kind !== "done" || listed.value === undefined) return new Map(before);
  const strange = listed.value.filter((key) => !known.has(key) && !intents.has(key));
  if (strange.length === 0) return new Map();
  const read = await store.read(
    strange.slice(0, suspectsMax).map((key) => ({ key })),
    wait,
  );
  if (read.kind !== "done") return new Map(before);
  const suspects = new Map<Key, Revision>();
  for (const { keys } of read.value.ranges) {
    const there = keys[0];
    if (there?.lease !== lease || known.has(there.key)) continue;
    if (before.get(there.key) === there.createRevision) {
      runtime.log.warn("a key of the session that nobody knows is removed", { key: there.key });
      intents.add(there.key, there.createRevision);
    } else suspects.set(there.key, there.createRevision);
  }
  return suspects;
}
