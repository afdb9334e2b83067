/** What is to happen, in order of virtual time; at one time, in the order in which it was put down. */
export interface Appointment {
  readonly atMs: number;
  /** Idempotent. */
  cancel(): void;
}

class Entry implements Appointment {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;

  constructor(atMs: number, order: number, run: () => void) {
    this.atMs = atMs;
    this.order = order;
    this.run = run;
  }

  cancel(): void {
    this.run = undefined;
  }
}

/** A binary heap; what is cancelled stays in it until its time and is then passed over. */
export class Agenda {
  readonly #heap: Entry[] = [];
  #order = 0;

  put(atMs: number, run: () => void): Appointment {
    const entry = new Entry(atMs, this.#order++, run);
    this.#heap.push(entry);
    this.#rise(this.#heap.length - 1);
    return entry;
  }

  /** When the next thing happens; undefined: nothing will. */
  nextAtMs(): number | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined) return undefined;
      if (first.run !== undefined) return first.atMs;
      this.#takeFirst();
    }
  }

  take(): { readonly atMs: number; readonly run: () => void } | undefined {
    if (this.nextAtMs() === undefined) return undefined;
    const { atMs, run } = this.#takeFirst();
    return run === undefined ? undefined : { atMs, run };
  }

  #takeFirst(): Entry {
    const first = this.#heap[0] as Entry;
    const last = this.#heap.pop() as Entry;
    if (this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#sink();
    }
    return first;
  }

  #rise(from: number): void {
    const entry = this.#heap[from] as Entry;
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = this.#heap[above] as Entry;
      if (!before(entry, parent)) break;
      this.#heap[at] = parent;
      at = above;
    }
    this.#heap[at] = entry;
  }

  #sink(): void {
    const heap = this.#heap;
    const entry = heap[0] as Entry;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && before(heap[below + 1] as Entry, heap[below] as Entry))
        below++;
      const child = heap[below] as Entry;
      if (!before(child, entry)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = entry;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
