/**
 * Keys of locks:
 *
 *   /holdfast/v1/data/{namespace}/locks/{pool}/{name}/{session}-{seat}     a contender: a place in the lock's queue
 *   /holdfast/v1/data/{namespace}/marks/{pool}/{name}/{session}-{seat}     its marker, which stays when it is lost (marks.ts)
 *
 * Names are percent-encoded, so a slash in a name is none in the key.
 */
import { prefixRange, type Key } from "../store.ts";
import { dataRoot } from "../session/keys.ts";

type Range = ReturnType<typeof prefixRange>;

export interface LockName {
  readonly pool: string;
  /** As the user wrote it. */
  readonly name: string;
}

/** A lock with all that is made of its name, once. */
export interface Lock extends LockName {
  /** Its part of a key, and of a note's: unlike for unlike locks. */
  readonly path: string;
  readonly contenders: Range;
  readonly marks: Range;
}

export function lockOf(namespace: string, { pool, name }: LockName): Lock {
  const path = `${pool}/${encodeURIComponent(name)}`;
  const root = dataRoot(namespace);
  const contenders = prefixRange(`${root}locks/${path}/`);
  return { pool, name, path, contenders, marks: prefixRange(`${root}marks/${path}/`) };
}

export function contendersOf(namespace: string, lock: LockName): Range {
  return lockOf(namespace, lock).contenders;
}

export function poolRange(namespace: string, pool: string): Range {
  return prefixRange(`${dataRoot(namespace)}locks/${pool}/`);
}

/** The locks of the pool whose names start with `prefix`. A prefix cut inside a character would encode to nothing alike. */
export function poolRangeFrom(namespace: string, pool: string, prefix: string): Range {
  return prefixRange(`${poolRange(namespace, pool).key}${encodeURIComponent(prefix)}`);
}

export function contenderKey(
  { contenders }: Lock,
  { session, seat }: { readonly session: string; readonly seat: string },
): Key {
  return `${contenders.key}${session}-${seat}`;
}

/** Of the contender with this key. */
export function markKey({ contenders, marks }: Lock, contender: Key): Key {
  return `${marks.key}${contender.slice(contenders.key.length)}`;
}

/** Of the contender that the marker was made for. */
export function markedKey({ contenders, marks }: Lock, mark: Key): Key {
  return `${contenders.key}${mark.slice(marks.key.length)}`;
}

/** All markers of a pool. */
export function poolMarks(namespace: string, pool: string): Range {
  return prefixRange(`${dataRoot(namespace)}marks/${pool}/`);
}

export interface ContenderName extends LockName {
  readonly session: string;
}

/** Undefined for a key that is no contender's. */
export function contenderNameOf(key: Key, namespace: string): ContenderName | undefined {
  return nameAfter(`${dataRoot(namespace)}locks/`, key);
}

/** Undefined for a key that is no marker's. */
export function markedLockOf(key: Key, namespace: string): LockName | undefined {
  return nameAfter(`${dataRoot(namespace)}marks/`, key);
}

function nameAfter(root: string, key: Key): ContenderName | undefined {
  const [pool, encoded, place, more] = key.slice(root.length).split("/");
  if (pool === undefined || encoded === undefined || place === undefined || more !== undefined)
    return undefined;
  const dash = place.indexOf("-");
  try {
    return dash < 0
      ? undefined
      : { pool, name: decodeURIComponent(encoded), session: place.slice(0, dash) };
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
