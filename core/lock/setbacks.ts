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

export class Setbacks {
  readonly #mirror: Specs;
  readonly #steps: Steps;
  #staleInARow = 0;

  constructor({ mirror }: { readonly mirror: Specs }, steps: Steps) {
    this.#mirror = mirror;
    this.#steps = steps;
  }

  /** An entry came about. */
  over(): void {
    this.#staleInARow = 0;
  }

  /**
   * Resolves when it is worth entering again, or nobody wants it any more. `refused` is told what a wait that ends meanwhile
   * ends with.
   */
  async after(entered: NotEntered, session: Session, refused: (why: Error) => void): Promise<void> {
    const steps = this.#steps;
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
        await steps.do((signal) => this.#mirror.nextChange(signal));
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
