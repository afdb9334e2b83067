import type { PoolMode } from "#core/lock/order.ts";
import type { PodFault } from "./trouble/catalog.ts";
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
  /** A run with real processes in which it shows, too. */
  readonly inRun?: RealRun;
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
      /** Whether some take one lock after the other, in the name of an owner. */
      readonly owners?: true;
    }
  /** A test file that fails with it, where no schedule can. */
  | { readonly tests: string }
  /** Only what {@link Bug.inRun} says. */
  | "inRun";

/** Two pods on an etcd of one member. */
export interface RealRun {
  /** By which rule it is found (test/faults/checks). */
  readonly rule: string;
  /** What the apps do, and nothing else. */
  readonly works: readonly string[];
  /** What happens to the pods, and nothing else. */
  readonly faults: readonly PodFault[];
  /** How long each fault lasts. */
  readonly lastsMs: number;
}
