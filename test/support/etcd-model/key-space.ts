/** The keys as they stand, in order. Its values never change, so a copy of it is cheap and stays true. */
import type { Compare, Key, KeyRange, KeyValue, RangeRead, RangeResult } from "#core/store.ts";

const noBytes = new Uint8Array();

export class KeySpace {
  readonly #values: Map<Key, KeyValue>;
  /** All keys of the map, sorted. */
  readonly #order: Key[];

  constructor(from?: KeySpace) {
    this.#values = new Map(from?.all().map((entry) => [entry.key, entry]));
    this.#order = from === undefined ? [] : [...from.#order];
  }

  get size(): number {
    return this.#order.length;
  }

  get(key: Key): KeyValue | undefined {
    return this.#values.get(key);
  }

  all(): KeyValue[] {
    return this.#order.map((key) => this.#values.get(key) as KeyValue);
  }

  put(entry: KeyValue): void {
    if (!this.#values.has(entry.key)) this.#order.splice(this.#firstFrom(entry.key), 0, entry.key);
    this.#values.set(entry.key, entry);
  }

  delete(key: Key): boolean {
    if (!this.#values.delete(key)) return false;
    this.#order.splice(this.#firstFrom(key), 1);
    return true;
  }

  within(range: KeyRange): KeyValue[] {
    if (range.end === undefined) {
      const entry = this.#values.get(range.key);
      return entry === undefined ? [] : [entry];
    }
    const found: KeyValue[] = [];
    for (let at = this.#firstFrom(range.key); at < this.#order.length; at++) {
      const key = this.#order[at] as Key;
      if (key >= range.end) break;
      found.push(this.#values.get(key) as KeyValue);
    }
    return found;
  }

  read(range: RangeRead): RangeResult {
    const found = this.within(range);
    const count = found.length;
    if (range.countOnly === true) return { keys: [], count };
    // etcd takes a limit of 0 as none.
    const limited =
      range.limit === undefined || range.limit === 0 ? found : found.slice(0, range.limit);
    return { keys: range.keysOnly === true ? limited.map(bare) : limited, count };
  }

  holds(compare: Compare): boolean {
    switch (compare.kind) {
      case "created":
        return (this.#values.get(compare.key)?.createRevision ?? 0n) === compare.revision;
      case "modified":
        return (this.#values.get(compare.key)?.modRevision ?? 0n) === compare.revision;
      case "empty": {
        const first = this.#order[this.#firstFrom(compare.key)];
        return first === undefined || first >= compare.end;
      }
      default:
        return compare satisfies never;
    }
  }

  /** Where `key` stands, or would stand. */
  #firstFrom(key: Key): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#order[middle] as Key) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** etcd 3.7 answers from its index, which knows neither value nor lease; older ones still tell the lease. */
function bare(entry: KeyValue): KeyValue {
  return { ...entry, value: noBytes, lease: undefined };
}
