/**
 * Keys of a namespace that belong to sessions. What lies where:
 *
 *   /holdfast/v1/data/{namespace}/sessions/{session}                  one key a live sidecar process, under its lease
 *   /holdfast/v1/data/{namespace}/inbox/{target}/{sender}/{about}     a note to `target`, under the sender's lease
 *   /holdfast/v1/data/{namespace}/anew                                etcd began anew: nothing is granted while it stands
 */
import { prefixRange, type Key, type KeyRange } from "../store.ts";

/** Of all namespaces. */
export const dataTree = prefixRange("/holdfast/v1/data/");

export function dataRoot(namespace: string): string {
  return `${dataTree.key}${namespace}/`;
}

export function sessionKey(namespace: string, session: string): Key {
  return `${dataRoot(namespace)}sessions/${session}`;
}

export function inboxOf(namespace: string, session: string): KeyRange {
  return prefixRange(`${dataRoot(namespace)}inbox/${session}/`);
}

export interface NoteAddress {
  readonly target: string;
  readonly sender: string;
  /** What it is about, in characters that may stand in a key. */
  readonly about: string;
}

export function noteKey(namespace: string, note: NoteAddress): Key {
  return `${dataRoot(namespace)}inbox/${note.target}/${note.sender}/${note.about}`;
}

/** What a note in the inbox of `session` is about; undefined for a key that is no note. */
export function aboutOf(key: Key, inbox: KeyRange): string | undefined {
  const rest = key.slice(inbox.key.length);
  const slash = rest.indexOf("/");
  return slash < 0 ? undefined : rest.slice(slash + 1);
}

export function anewKey(namespace: string): Key {
  return `${dataRoot(namespace)}anew`;
}
