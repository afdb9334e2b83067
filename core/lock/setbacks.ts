/**
 * What follows an entry with which nothing was written: a little patience where it was judged by what is no more, a longer one
 * where etcd takes nothing now. Whoever waited enters again.
 */
import type { Session } from "../session/session.ts";
import type { Specs } from "../spec/specs.ts";
import type { NotEntered } from "./enter.ts";
import { blocked, epochUnknown, storeRefused } from "./refusals.ts";
import type { Steps } from "./steps.ts";

/** Entries refused as stale, one after the other, before the next one waits. */
const staleInARowMax = 3;

export interface SetbacksParts {
  readonly mirror: Specs;
  readonly steps: Steps;
  /** Told what a wait that ends meanwhile ends with. */
  readonly refused: (why: Error) => void;
}

export class Setbacks {
  readonly #parts: SetbacksParts;
  #staleInARow = 0;

  constructor(parts: SetbacksParts) {
    this.#parts = parts;
  }

  /** An entry came about. */
  over(): void {
    this.#staleInARow = 0;
  }

  /** Resolves when it is worth entering again, or nobody wants it any more. */
  async after(entered: NotEntered, session: Session): Promise<void> {
    const { mirror, steps, refused } = this.#parts;
    switch (entered.kind) {
      case "again":
        if (entered.known !== undefined) {
          refused(epochUnknown());
          await entered.known;
          return;
        }
        this.#staleInARow += 1;
        if (this.#staleInARow > staleInARowMax) await steps.pause();
        return;
      case "blocked":
        refused(blocked());
        await steps.do((signal) => mirror.nextChange(signal));
        return;
      case "refused":
        if (entered.reason.code === "leaseNotFound") session.end("its lease is gone from etcd");
        refused(storeRefused(entered.reason));
        await steps.pause();
        return;
      default:
        entered satisfies never;
    }
  }
}
