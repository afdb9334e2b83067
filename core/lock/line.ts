/**
 * Those of this process who wait for permits of one lock, or beside others of it: who of them is worth a look, as the lock is
 * seen by {@link Followings}. Whoever is told looks again; where nothing is seen, all do.
 */
import type { Key } from "../store.ts";
import type { Specs } from "../spec/specs.ts";
import type { Copy, Followings, Onlooker } from "./following.ts";
import type { Lock } from "./keys.ts";
import { holders, isSame, type Mine } from "./order.ts";
import { rulesNow } from "./rules.ts";

export interface LineParts {
  readonly mirror: Specs;
  readonly followings: Followings;
  readonly lock: Lock;
}

interface Waiter {
  readonly mine: Mine;
  readonly before: Mine | undefined;
  readonly look: () => void;
}

export class Line implements Onlooker {
  readonly #parts: LineParts;
  readonly #waiters = new Map<Key, Waiter>();
  /** Of those, who wait for the one before them to go. */
  readonly #behind = new Set<Waiter>();

  constructor(parts: LineParts) {
    this.#parts = parts;
  }

  /** Resolves when `mine` may hold, or is gone, or `before` is, or nothing is known. Ends with the signal, too. */
  async until(mine: Mine, before: Mine | undefined, signal: AbortSignal): Promise<void> {
    const { followings, lock } = this.#parts;
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const look = (): void => {
        signal.removeEventListener("abort", look);
        this.#waiters.delete(mine.key);
        this.#behind.delete(waiter);
        resolve();
        if (this.#waiters.size === 0) followings.remove(lock, this);
      };
      const waiter = { mine, before, look };
      this.#waiters.set(mine.key, waiter);
      if (before !== undefined) this.#behind.add(waiter);
      signal.addEventListener("abort", look, { once: true });
      if (this.#waiters.size === 1) followings.add(lock, this);
      else {
        // What let him in, or took him away, may have been told before he came.
        const copy = followings.copyOf(lock);
        if (copy !== undefined) this.seen(copy, [mine.key]);
      }
    });
  }

  seen(copy: Copy, gone: readonly Key[] | undefined): void {
    for (const key of gone ?? [...this.#waiters.keys()]) this.#tellIfGone(key, copy);
    for (const { before, look } of [...this.#behind])
      if (before !== undefined && isGone(before, copy)) look();
    this.#tellThoseIn(copy);
  }

  unseen(): void {
    for (const { look } of [...this.#waiters.values()]) look();
  }

  #tellThoseIn({ contenders }: Copy): void {
    const { mirror, lock } = this.#parts;
    const sharing = rulesNow(mirror, lock.pool)?.sharing;
    if (sharing === undefined) return;
    for (const contender of holders(contenders.values(), sharing)) {
      const waiter = this.#waiters.get(contender.key);
      if (waiter !== undefined && isSame(contender, waiter.mine)) waiter.look();
    }
  }

  #tellIfGone(key: Key, copy: Copy): void {
    const waiter = this.#waiters.get(key);
    if (waiter !== undefined && isGone(waiter.mine, copy)) waiter.look();
  }
}

function isGone({ key, created }: Mine, { contenders, at }: Copy): boolean {
  const there = contenders.get(key)?.createRevision;
  return there === undefined ? at >= created : there > created;
}
