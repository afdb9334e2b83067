/**
 * The objects of a selection as far as they are known here: the last list, and what watches told since.
 *
 * - An object that was deleted and made again under its name is another object: first the old one's end is told, then
 *   the new one's beginning, also where the deletion itself was missed.
 * - Versions never go back: what a watch tells is taken in once, in order; an event that is not newer than what was seen
 *   (one sent twice, or by a server that lags) changes nothing. Only a list may go back: when etcd was restored from a
 *   backup, older is the truth.
 * - Objects are shared with all who ask, and never changed in place.
 */
import { isNewer, keyOf, type KubeObject, type ObjectKey } from "./objects.ts";
import type { Listed } from "./list.ts";

export type Change =
  | { readonly kind: "added"; readonly key: ObjectKey; readonly now: KubeObject }
  | {
      readonly kind: "changed";
      readonly key: ObjectKey;
      readonly was: KubeObject;
      readonly now: KubeObject;
    }
  | {
      readonly kind: "deleted";
      readonly key: ObjectKey;
      /** The tombstone: where `seen`, as it was at its end; else as it was when it was last heard of. */
      readonly was: KubeObject;
      readonly seen: boolean;
    };

/** What others may do with a store. */
export interface StoreView {
  readonly size: number;
  get(key: ObjectKey): KubeObject | undefined;
  all(): IterableIterator<KubeObject>;
  /** The objects to which the index of this name gives this value. */
  indexed(index: string, value: string): readonly KubeObject[];
}

/** The values under which an object is found. */
export type Index = (object: KubeObject) => readonly string[];
export type Indexes = Readonly<Record<string, Index>>;

export class Store implements StoreView {
  readonly #objects = new Map<ObjectKey, KubeObject>();
  readonly #indexes: Indexes;
  /** By index and value, the keys. */
  readonly #found = new Map<string, Map<string, Set<ObjectKey>>>();
  #resourceVersion = "";

  constructor(indexes: Indexes = {}) {
    this.#indexes = indexes;
    for (const index of Object.keys(indexes)) this.#found.set(index, new Map());
  }

  get size(): number {
    return this.#objects.size;
  }

  /** Up to which all is known; empty before the first list. */
  get resourceVersion(): string {
    return this.#resourceVersion;
  }

  get(key: ObjectKey): KubeObject | undefined {
    return this.#objects.get(key);
  }

  all(): IterableIterator<KubeObject> {
    return this.#objects.values();
  }

  indexed(index: string, value: string): readonly KubeObject[] {
    const values = this.#found.get(index);
    if (values === undefined) throw new RangeError(`there is no index '${index}'`);
    return [...(values.get(value) ?? [])].flatMap((key) => this.#objects.get(key) ?? []);
  }

  /** Takes the list for all that there is. What is the same as before is no change. */
  replace({ objects, resourceVersion }: Listed): Change[] {
    const changes: Change[] = [];
    const listed = new Set(objects.map(keyOf));
    for (const [key, was] of this.#objects) {
      if (listed.has(key)) continue;
      this.#remove(key, was);
      changes.push({ kind: "deleted", key, was, seen: false });
    }
    for (const object of objects) changes.push(...this.#put(object));
    this.#resourceVersion = resourceVersion;
    return changes;
  }

  /** Takes one event of a watch in. */
  take(type: "added" | "modified" | "deleted", object: KubeObject): Change[] {
    const { resourceVersion } = object.metadata;
    if (this.#isOld(resourceVersion)) return [];
    this.#resourceVersion = resourceVersion;
    return type === "deleted" ? this.#end(object) : this.#put(object);
  }

  /** All up to this version was told. */
  reached(resourceVersion: string): void {
    if (!this.#isOld(resourceVersion)) this.#resourceVersion = resourceVersion;
  }

  #isOld(resourceVersion: string): boolean {
    return isNewer(resourceVersion, this.#resourceVersion) === false;
  }

  #put(now: KubeObject): Change[] {
    const key = keyOf(now);
    const was = this.#objects.get(key);
    if (was !== undefined && same(was, now)) return [];
    if (was !== undefined) this.#remove(key, was);
    this.#objects.set(key, now);
    this.#index(key, now);
    if (was === undefined) return [{ kind: "added", key, now }];
    if (was.metadata.uid === now.metadata.uid) return [{ kind: "changed", key, was, now }];
    return [
      { kind: "deleted", key, was, seen: false },
      { kind: "added", key, now },
    ];
  }

  #end(object: KubeObject): Change[] {
    const key = keyOf(object);
    const was = this.#objects.get(key);
    if (was === undefined) return [];
    this.#remove(key, was);
    // The end of one that we never saw: the one that we knew ended before it.
    const seen = was.metadata.uid === object.metadata.uid;
    return [{ kind: "deleted", key, was: seen ? object : was, seen }];
  }

  #remove(key: ObjectKey, was: KubeObject): void {
    this.#objects.delete(key);
    for (const [index, values] of this.#found) {
      for (const value of this.#indexes[index]?.(was) ?? []) {
        const keys = values.get(value);
        keys?.delete(key);
        if (keys?.size === 0) values.delete(value);
      }
    }
  }

  #index(key: ObjectKey, object: KubeObject): void {
    for (const [index, values] of this.#found) {
      for (const value of this.#indexes[index]?.(object) ?? []) {
        const keys = values.get(value) ?? new Set();
        values.set(value, keys.add(key));
      }
    }
  }
}

function same(a: KubeObject, b: KubeObject): boolean {
  return (
    a.metadata.uid === b.metadata.uid && a.metadata.resourceVersion === b.metadata.resourceVersion
  );
}
