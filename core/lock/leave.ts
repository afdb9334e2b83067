/**
 * Lets go of a place: one plain delete of its key and of the notes it left. Only its session makes the key, and makes it again
 * only when this delete was answered, so it needs no compare, can hit nothing else, and is never refused for a stale fact.
 * Without an answer, or refused, it becomes an intent: repeated until etcd confirms it, or the session ends and the lease
 * takes the key along; its seat is spoiled.
 */
import type { Log } from "../runtime.ts";
import type { Store } from "../store.ts";
import type { Freed } from "./grant.ts";
import type { LockName } from "./keys.ts";
import type { Place } from "./place.ts";

/** Of one write: more than these and the place's own keys etcd may not take. */
const notesMax = 100;

export async function leave(store: Store, place: Place): Promise<Freed> {
  const rewriting = place.quiet();
  if (rewriting !== undefined) await rewriting;
  const { session } = place;
  if (session.ended.aborted) return "unknown";
  const keys = [...place.keys, ...place.notes.slice(0, notesMax)];
  for (const note of place.notes.slice(notesMax)) session.remove(note);
  const outcome = await store.write({
    given: [],
    when: [],
    then: keys.map((key) => ({ kind: "delete", key })),
    otherwise: [],
  });
  for (const key of keys) {
    if (outcome.kind === "done") session.forget(key);
    else session.remove(key);
  }
  if (outcome.kind === "done") return "released";
  session.seats.spoil();
  return "unknown";
}

/** A place is not in etcd any more although nobody here removed it. */
export function tookAway(log: Log, { pool, name }: LockName, { session, key }: Place): void {
  log.warn("a place in a lock's queue is gone; a new one is taken", { pool, name });
  session.forget(key);
  session.seats.spoil();
}
