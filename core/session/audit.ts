/**
 * Catches every leak that nobody thought of: asks etcd for the keys of the session's lease. Known is every key whose put
 * was sent and whose removal is not confirmed. What two audits in a row did not know, with one create revision, becomes an
 * intent that compares that revision.
 */
import { after, sleep, type Instant, type Runtime } from "../runtime.ts";
import type { Key, LeaseId, Revision, Store } from "../store.ts";
import type { Intents } from "./intents.ts";
import type { Seats } from "./seats.ts";

const everyMs = 180_000;
/** An answer that was lost, and so an epoch that was raised, is a reason to audit as soon as this. */
const lookMs = 15_000;
const answerMs = 10_000;
/** Suspects looked at in one audit; the next takes the rest. */
const suspectsMax = 100;

export interface AuditParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly lease: LeaseId;
  readonly known: ReadonlySet<Key>;
  readonly intents: Intents;
  readonly seats: Seats;
  /** How often the epoch was raised. */
  readonly raises: () => number;
}

export async function auditLease(parts: AuditParts, signal: AbortSignal): Promise<void> {
  const { runtime, raises } = parts;
  let suspects = new Map<Key, Revision>();
  let raised = raises();
  let dueAt = nextAudit(runtime);
  for (;;) {
    await sleep(runtime, lookMs, signal);
    if (raises() === raised && runtime.now() < dueAt) continue;
    raised = raises();
    dueAt = nextAudit(runtime);
    suspects = await auditOnce(parts, suspects, signal);
  }
}

function nextAudit(runtime: Runtime): Instant {
  return after(runtime.now(), everyMs * (0.75 + runtime.random() / 2));
}

/** Returns the keys that nobody here knows, with their create revisions; those suspected before become intents. */
export async function auditOnce(
  { runtime, store, lease, known, intents, seats }: AuditParts,
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
      seats.spoil();
      intents.add(there.key, there.createRevision);
    } else suspects.set(there.key, there.createRevision);
  }
  return suspects;
}
