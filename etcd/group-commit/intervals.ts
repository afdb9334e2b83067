/**
 * Sets of keys and ranges, for finding what overlaps in a handful of string compares however many there are.
 * They are kept disjoint and sorted, so that the neighbours of a place tell all.
 */
import type { Key } from "#core/store.ts";

/** One key (no `end`), or all from `key` up to, not including, `end`. */
export interface Interval {
  readonly key: Key;
  readonly end?: Key | undefined;
}

export class Intervals<T extends Interval> {
  #sorted: T[] = [];

  get size(): number {
    return this.#sorted.length;
  }

  overlaps(interval: Interval): boolean {
    const place = this.#placeOf(interval.key);
    const before = this.#sorted[place - 1];
    if (before !== undefined && reaches(before, interval)) return true;
    const next = this.#sorted[place];
    return next !== undefined && reaches(interval, next);
  }

  /** It must overlap with nothing that is there. */
  add(interval: T): void {
    const place = this.#placeOf(interval.key);
    if (place === this.#sorted.length) this.#sorted.push(interval);
    else this.#sorted.splice(place, 0, interval);
  }

  /** One pass over all: cheaper than looking for each of the many that end together. */
  removeWhere(gone: (interval: T) => boolean): void {
    this.#sorted = this.#sorted.filter((interval) => !gone(interval));
  }

  clear(): void {
    this.#sorted = [];
  }

  values(): readonly T[] {
    return this.#sorted;
  }

  /** Adds what may overlap: all that do become one interval, made by `join`. */
  merge(interval: T, join: (interval: Interval) => T): void {
    let from = this.#placeOf(interval.key);
    let to = from;
    let joined: Interval = interval;
    const before = this.#sorted[from - 1];
    if (before !== undefined && reaches(before, interval)) {
      from -= 1;
      joined = both(before, joined);
    }
    for (let next = this.#sorted[to]; next !== undefined && reaches(joined, next);) {
      joined = both(joined, next);
      to += 1;
      next = this.#sorted[to];
    }
    this.#sorted.splice(from, to - from, join(joined));
  }

  /** The first place whose interval does not begin before `key`. */
  #placeOf(key: Key): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const interval = this.#sorted[middle];
      if (interval !== undefined && interval.key < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Whether `later`, which does not begin before `earlier`, has a key in common with it. */
export function reaches(earlier: Interval, later: Interval): boolean {
  return earlier.end === undefined ? earlier.key === later.key : later.key < earlier.end;
}

export function contains(interval: Interval, key: Key): boolean {
  return interval.end === undefined
    ? interval.key === key
    : interval.key <= key && key < interval.end;
}

/** Both in one, where `earlier` reaches `later`. */
function both(earlier: Interval, later: Interval): Interval {
  if (earlier.end === undefined) return later; // the same key; `later` may go on behind it
  if (later.end === undefined || later.end <= earlier.end) return earlier;
  return { key: earlier.key, end: later.end };
}
