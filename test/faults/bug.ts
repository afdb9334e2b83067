import type { PoolMode } from "#core/lock/order.ts";
import type { FaultName } from "#test/simulation/faults/names.ts";

/** A bug that we had, or could have: the sources with it must fail, for ever. One file each in memory/. */
export interface Bug {
  /** What goes wrong with it, for people. */
  readonly breaks: string;
  /** The file that is changed, from the top of the tree. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly text: string;
  /** What stands there instead. */
  readonly other: string;
  readonly caughtBy: Catcher;
}

export type Catcher =
  /** The seed of a schedule that failed with it. Where it does so no more, others are tried. `faults`: nothing else happens. */
  | {
      readonly seed: string;
      /** Of the pools; absent: a mutex. */
      readonly mode?: PoolMode;
      readonly faults?: readonly FaultName[];
      /** Whether some requests are for several locks at once. */
      readonly sets?: true;
    }
  /** A test file that fails with it, where no schedule can. */
  | { readonly tests: string };
