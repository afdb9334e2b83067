/**
 * The contenders of one lock as a watch tells them: a copy, one for all in this process who wait for a permit, since whichever
 * before them goes may let them in. It says when a look is worth it, never who holds: whoever is told looks again.
 *
 *   idle ──(first waits)──▶ reading ──▶ following ──(gap, or no answer)──▶ all look; reading again
 *     ▲──(last went)───────────────────────┘└──(half a minute)──▶ reading again
 *
 * No watch is trusted for longer than that: then all is read anew, once for all who wait.
 */
import { after, sleep } from "../runtime.ts";
import { fromNow, noRevision, type Change, type Key, type Revision } from "../store.ts";
import type { Tasks } from "../tasks.ts";
import { readContender, type Contender } from "./contender.ts";
import type { Lock } from "./keys.ts";
import { look, type LookParts } from "./look.ts";
import { holders, isSame, type Mine } from "./order.ts";
import { rulesNow } from "./rules.ts";

const pauseMs = 500;
const readEveryMs = 30_000;

export interface LineParts extends LookParts {
  readonly tasks: Tasks;
  readonly lock: Lock;
}

interface Waiter {
  readonly mine: Mine;
  readonly look: () => void;
}

export class Line {
  readonly #parts: LineParts;
  readonly #waiters = new Map<Key, Waiter>();
  /** In order: etcd tells them as they come, and a key that is made again comes anew. Undefined: not read. */
  #contenders: Map<Key, Contender> | undefined;
  /** As of when. */
  #at: Revision = noRevision;
  #following: AbortController | undefined;

  constructor(parts: LineParts) {
    this.#parts = parts;
  }

  /** Resolves when `mine` may hold, or is gone, or nothing is known. Ends with the signal, too. */
  async until(mine: Mine, signal: AbortSignal): Promise<void> {
    const { tasks } = this.#parts;
    if (signal.aborted || tasks.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const look = (): void => {
        signal.removeEventListener("abort", look);
        this.#waiters.delete(mine.key);
        resolve();
        if (this.#waiters.size === 0) this.#following?.abort(nobodyWaits);
      };
      this.#waiters.set(mine.key, { mine, look });
      signal.addEventListener("abort", look, { once: true });
      if (this.#following === undefined) this.#start();
      else {
        // What let him in, or took him away, may have been told before he came.
        this.#tellIfGone(mine.key);
        this.#tellThoseIn();
      }
    });
  }

  #start(): void {
    const { tasks, lock } = this.#parts;
    const following = new AbortController();
    this.#following = following;
    tasks.run(`following ${lock.path}`, (signal) =>
      this.#follow(AbortSignal.any([signal, following.signal]), following),
    );
  }

  async #follow(signal: AbortSignal, following: AbortController): Promise<void> {
    const { runtime } = this.#parts;
    try {
      while (!signal.aborted) {
        const isKnown = await this.#followOnce(signal);
        this.#contenders = undefined;
        if (signal.aborted) break;
        if (isKnown) continue;
        for (const { look } of [...this.#waiters.values()]) look();
        await sleep(runtime, pauseMs * (0.5 + runtime.random()), signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      if (this.#following === following) {
        this.#following = undefined;
        this.#contenders = undefined;
        // Who came as the last went.
        if (this.#waiters.size > 0 && !this.#parts.tasks.signal.aborted) this.#start();
      }
    }
  }

  /** As long as a watch is trusted. Whether all was read at its end, too. */
  async #followOnce(signal: AbortSignal): Promise<boolean> {
    const { runtime, store, lock } = this.#parts;
    const range = { key: lock.contenders.key, end: lock.contenders.end };
    const trusted = new AbortController();
    const inMs = readEveryMs * (0.75 + runtime.random() / 2);
    const timer = runtime.timer(after(runtime.now(), inMs), () => {
      trusted.abort(trustedNoMore);
    });
    try {
      const either = AbortSignal.any([signal, trusted.signal]);
      for await (const changes of store.watch(range, fromNow, either)) {
        if (changes.kind === "gap") return false;
        if (this.#contenders === undefined && !(await this.#read(signal))) return false;
        if (changes.kind === "changes") this.#take(changes.events);
        if (changes.at.revision > this.#at) this.#at = changes.at.revision;
        this.#tellThoseIn();
      }
    } finally {
      timer.cancel();
    }
    if (!trusted.signal.aborted || !(await this.#read(signal))) return false;
    this.#tellThoseIn();
    return true;
  }

  /** Everything that stands, and the pool's record. False: no answer. */
  async #read(signal: AbortSignal): Promise<boolean> {
    const seen = await look(this.#parts, { lock: this.#parts.lock }, signal);
    if (seen === undefined) return false;
    this.#contenders = new Map(seen.contenders.map((each) => [each.key, each]));
    this.#at = seen.revision;
    for (const key of [...this.#waiters.keys()]) this.#tellIfGone(key);
    return true;
  }

  /** What the read did not show yet. */
  #take(events: readonly Change[]): void {
    for (const event of events) {
      if (event.kind === "put") {
        if (event.now.modRevision > this.#at)
          this.#contenders?.set(event.now.key, readContender(event.now));
      } else if (event.revision > this.#at) {
        this.#contenders?.delete(event.key);
        this.#tellIfGone(event.key);
      }
    }
  }

  #tellThoseIn(): void {
    const { mirror, lock } = this.#parts;
    const sharing = rulesNow(mirror, lock.pool)?.sharing;
    if (this.#contenders === undefined || sharing === undefined) return;
    for (const contender of holders(this.#contenders.values(), sharing)) {
      const waiter = this.#waiters.get(contender.key);
      if (waiter !== undefined && isSame(contender, waiter.mine)) waiter.look();
    }
  }

  #tellIfGone(key: Key): void {
    const waiter = this.#waiters.get(key);
    if (waiter === undefined || this.#contenders === undefined) return;
    const { created } = waiter.mine;
    const there = this.#contenders.get(key)?.createRevision;
    if (there === undefined ? this.#at >= created : there > created) waiter.look();
  }
}

const trustedNoMore = new Error("the watch is trusted no longer");
const nobodyWaits = new Error("nobody waits here any more");
