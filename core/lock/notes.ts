/**
 * Notes between sessions about a lock: a waiter just behind those who hold it tells their sessions that somebody stands
 * there, so that their hand-over budgets count. A note is a reason to look or to be fair, never the truth: one too many costs a
 * local hand-over, one that is lost costs fairness until the next look, and neither costs exclusion.
 *
 * Writes: one key in the target's inbox, under the *sender's* lease. A repeat overwrites it. The reader deletes it (comparing
 * the revision it read), the sender too when its place goes.
 */
import type { Key, KeyValue, Store } from "../store.ts";
import { encodeJson } from "../json.ts";
import { noteKey } from "../session/keys.ts";
import type { Session } from "../session/session.ts";
import type { Contender } from "./contender.ts";
import type { Lock } from "./keys.ts";
import { holders, type Sharing } from "./order.ts";
import type { Place } from "./place.ts";

export interface NoteParts {
  readonly store: Store;
  readonly namespace: string;
  readonly lock: Lock;
}

export interface WaitingBehind {
  /** All of the lock, in order. */
  readonly contenders: readonly Contender[];
  /** Whose going is waited for. */
  readonly before: Contender | undefined;
  readonly sharing: Sharing;
}

/**
 * At every look, for a note can be lost, and whoever is not told of us may pass the lock on for ever. Of those before us who
 * do not hold yet each looks before he does, and sees us.
 */
export async function tellHolders(
  parts: NoteParts,
  place: Place,
  { contenders, before, sharing }: WaitingBehind,
): Promise<void> {
  if (before === undefined) return;
  const holding = holders(contenders, sharing);
  if (!holding.has(before)) return;
  const sessions = new Set([...holding].map(({ session }) => session));
  const notes = [...sessions].map((target) => leaveNote(parts, place.session, target));
  for (const note of await Promise.all(notes)) place.noted(note);
}

/** Returns the note's key, which goes with the place that it was left for. */
async function leaveNote(
  { store, namespace, lock }: NoteParts,
  session: Session,
  target: string,
): Promise<Key> {
  const key = noteKey(namespace, { target, sender: session.id, about: lock.path });
  session.know(key);
  const outcome = await store.write({
    given: [session.holds()],
    when: [],
    then: [
      { kind: "putEphemeral", key, lease: session.lease, value: encodeJson({ why: "waiting" }) },
    ],
    otherwise: [],
  });
  if (outcome.kind === "refused") session.forget(key);
  return key;
}

/** A note that is not deleted now goes with its sender's lease. */
export async function deleteNote(store: Store, note: KeyValue): Promise<void> {
  await store.write({
    given: [],
    when: [{ kind: "modified", key: note.key, revision: note.modRevision }],
    then: [{ kind: "delete", key: note.key }],
    otherwise: [],
  });
}
