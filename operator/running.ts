/** What a term of leading and the probes are made over: everything that lives as long as the process, as main.ts made it. */
import type { Runtime } from "#core/runtime.ts";
import type { LoopWatch } from "#host/loop-watch.ts";
import type { Counter, Metrics } from "#host/metrics.ts";
import type { Authorities } from "./identity/authorities.ts";
import type { Serving } from "./identity/serving.ts";
import type { Objects } from "./controllers/published/objects.ts";
import type { Api } from "./kube/api.ts";
import type { Election } from "./kube/election.ts";
import type { Recorder } from "./kube/events.ts";
import type { KubeMetrics } from "./kube/metrics.ts";
import type { OperatorOptions } from "./options.ts";

export interface Running {
  readonly options: OperatorOptions;
  readonly runtime: Runtime;
  readonly api: Api;
  /** One for each kind. */
  readonly objects: readonly Objects[];
  readonly election: Election;
  readonly recorder: Recorder;
  readonly authorities: Authorities;
  readonly serving: Serving;
  readonly loop: LoopWatch;
  readonly metrics: Metrics;
  readonly kubeMetrics: KubeMetrics;
  /** Drift that was repaired, by kind. */
  readonly repaired: (kind: string) => Counter;
  /** An invariant broke: ends the process. */
  readonly onBug: (name: string, error: unknown) => void;
}
