/**
 * Notes between sessions about a lock: a waiter tells the session of the place just before its own that somebody stands
 * there, so that its hand-over budget counts. A note is a reason to look or to be fair, never the truth: one too many costs a
 * local hand-over, one that is lost costs fairness until the next look, and neither costs exclusion.
 *
 * Writes: one key in the target's inbox, under the *sender's* lease. A repeat overwrites it. The reader deletes it (comparing
 * the revision it read), the sender too when its place goes.
 */
import type { Key, KeyValue, Store } from "../store.ts";
import { encodeJson } from "../json.ts";
import { noteKey } from "../session/keys.ts";
import type { Session } from "../session/session.ts";
import type { Lock } from "./keys.ts";

export interface NoteParts {
  readonly store: Store;
  readonly namespace: string;
  readonly lock: Lock;
}

/** Returns the note's key, which goes with the place that it was left for. */
export async function leaveNote(
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
