/** What the fronts of a sidecar are made over: everything behind them, as main.ts put it together. */
import type { Kernel } from "./kernel.ts";
import type { Runtime } from "#core/runtime.ts";
import type { EtcdStore } from "#etcd/store.ts";
import type { LoopWatch } from "#host/loop-watch.ts";
import type { Metrics } from "#host/metrics.ts";
import type { Identity } from "./identity/identity.ts";
import type { SidecarOptions } from "./options.ts";
import type { Standalone } from "./resources/standalone.ts";

export interface Running {
  readonly options: SidecarOptions;
  readonly pod: string;
  readonly runtime: Runtime;
  readonly store: EtcdStore;
  /** Undefined: nobody gave one. */
  readonly identity: Identity | undefined;
  readonly kernel: Kernel;
  /** Undefined: the resources come from etcd. */
  readonly standalone: Standalone | undefined;
  readonly loop: LoopWatch;
  readonly metrics: Metrics;
  /** An invariant broke: ends the process. */
  readonly onBug: (name: string, error: unknown) => void;
}
