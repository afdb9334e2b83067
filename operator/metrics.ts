/** The operator's own metrics, beside those of operator/kube. Labels are kinds: never a resource's name. */
import packageFile from "../package.json" with { type: "json" };
import type { Counter, Metrics } from "#host/metrics.ts";
import { declareProcess } from "#host/process-metrics.ts";

export interface MetricSources {
  /** Undefined: this process has nothing to do with it. */
  readonly etcdConnected: () => boolean | undefined;
  /** Whether this process has taken up what the leader does. */
  readonly isAtWork: () => boolean;
  /** The longest that the event loop lately stood. */
  readonly lagMs: () => number;
}

export function declareMetrics(metrics: Metrics, sources: MetricSources): void {
  declareProcess(metrics, { lagMs: sources.lagMs, version: packageFile.version });
  metrics.read(
    "gauge",
    {
      name: "holdfast_etcd_reachable",
      help: "1 while the leader has a connection to etcd. Other processes do not ask for one, and have no such series.",
    },
    () => {
      const connected = sources.etcdConnected();
      return connected === undefined ? [] : [{ value: Number(connected) }];
    },
  );
  metrics.read(
    "gauge",
    { name: "holdfast_operator_at_work", help: "1 while this process does what the leader does." },
    () => [{ value: Number(sources.isAtWork()) }],
  );
}

/** By kind. */
export function repairedCounter(metrics: Metrics): (kind: string) => Counter {
  return metrics.counters({
    name: "holdfast_drift_repaired",
    help: "Records of etcd's spec tree that somebody else had changed or deleted, and that were published again.",
    labels: ["kind"],
  });
}
