/**
 * What this pod lost of pools with `onLoss: Unready`: while anything of it stands, the pod is not ready. A loss stands until
 * the pod is granted that lock again, or releases what its holder had (`DELETE /v1/grants?holder=`), as an app does that begins
 * anew; or until the pool says otherwise, or is gone.
 */
import type { Epoch } from "../runtime.ts";
import type { Specs } from "../spec/specs.ts";
import type { LockName } from "./keys.ts";
import { rulesNow } from "./rules.ts";
import type { GrantEnd } from "./views.ts";

/** Beyond it the oldest is forgotten: the others keep the pod unready. */
const lossesMax = 10_000;

/** Ends that a holder did not bring about itself. */
const unclean: ReadonlySet<GrantEnd> = new Set([
  ...(["expired", "maxHold", "sessionLost", "revoked", "broken", "slow"] as const),
]);

export interface Loss extends LockName {
  readonly holder: string;
  readonly why: GrantEnd;
  readonly at: Epoch;
}

export class Losses {
  readonly #mirror: Pick<Specs, "record" | "isReady">;
  readonly #byLock = new Map<string, Loss>();

  constructor(mirror: Pick<Specs, "record" | "isReady">) {
    this.#mirror = mirror;
  }

  /** A grant of a pool whose losses count is over. */
  over(loss: Loss): void {
    if (!unclean.has(loss.why)) return;
    const { pool, name } = loss;
    this.#byLock.delete(`${pool}/${name}`);
    this.#byLock.set(`${pool}/${name}`, loss);
    if (this.#byLock.size <= lossesMax) return;
    for (const oldest of this.#byLock.keys()) {
      this.#byLock.delete(oldest);
      return;
    }
  }

  granted({ pool, name }: LockName): void {
    if (this.#byLock.size > 0) this.#byLock.delete(`${pool}/${name}`);
  }

  /** The holder of this name begins anew. */
  forgive(holder: string): void {
    for (const [lock, loss] of this.#byLock) if (loss.holder === holder) this.#byLock.delete(lock);
  }

  /** The one that has stood longest; undefined: none stands. */
  first(): Loss | undefined {
    for (const [lock, loss] of this.#byLock) {
      const rules = rulesNow(this.#mirror, loss.pool);
      const isOver = rules === undefined ? this.#mirror.isReady : rules.onLoss !== "Unready";
      if (!isOver) return loss;
      this.#byLock.delete(lock);
    }
    return undefined;
  }
}
