/**
 * Tells an observer who holds a lock: first as it is, then each change. What is told is read from etcd as everybody else does,
 * also of this process's own grants, so that all observers of a lock agree on who holds it and under which fence.
 *
 * A lock that passes inside a pod is told when its sidecar rewrites its contender, a second later at most; so is the grant of a
 * set. A place that a set or a pod keeps, and nobody uses, is held by nobody.
 */
import { isReserved, type Contender } from "./contender.ts";
import type { LockObserver } from "./events.ts";
import type { Copy, Onlooker } from "./following.ts";
import { holders, type Sharing } from "./order.ts";
import { holderOf } from "./tell.ts";

export class Observing implements Onlooker {
  readonly #observer: LockObserver;
  readonly #sharing: () => Sharing;
  #told: string | undefined;

  /** `sharing`: of the pool, as it is now. */
  constructor(observer: LockObserver, sharing: () => Sharing) {
    this.#observer = observer;
    this.#sharing = sharing;
  }

  seen({ contenders }: Copy): void {
    const standing = holders(contenders.values(), this.#sharing());
    const holding = [...standing].filter((one) => !one.idle && !isReserved(one));
    const now = holding.map(fingerprint).join("\n");
    if (now === this.#told) return;
    this.#told = now;
    if (holding.length === 0) this.#observer.told({ kind: "vacant" });
    else this.#observer.told({ kind: "holder", holders: holding.map(holderOf) });
  }

  unseen(): void {
    if (this.#told === unseen) return;
    this.#told = unseen;
    this.#observer.told({ kind: "unseen" });
  }
}

/** No list of holders. */
const unseen = "\n";

/** How many wait behind it is no news, nor that it now tells since when it holds, and not since when it waited. */
function fingerprint(contender: Contender): string {
  const { key, createRevision, handovers, base, holder, pod, metadata } = contender;
  const numbers = [createRevision, base].map(String);
  return JSON.stringify([key, ...numbers, handovers, holder, pod, metadata]);
}
