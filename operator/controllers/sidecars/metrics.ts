/**
 * What the leader exports about pods. Namespaces stand there, and no pods: their number is bounded (listing.ts). The label is
 * not called `namespace`: Prometheus puts the operator's own there.
 */
import type { Metrics, Sample } from "#host/metrics.ts";

export interface SidecarSources {
  /** By namespace and reason. */
  readonly toRestart: () => readonly Sample[];
  /** Undefined: this process does not lead, or has not looked at all yet. */
  readonly injected: () => number | undefined;
}

export function declareSidecars(metrics: Metrics, { toRestart, injected }: SidecarSources): void {
  metrics.read(
    "gauge",
    {
      name: "holdfast_pods_to_restart",
      help: "Pods that ask for a sidecar and run without (Missing), or whose sidecar is old (OldVersion, OldTemplate). Of more than 200 namespaces the others are together under no name. Only the leader has them.",
      labels: ["pod_namespace", "reason"],
    },
    toRestart,
  );
  metrics.read(
    "gauge",
    {
      name: "holdfast_pods_with_sidecar",
      help: "Pods with a sidecar that have not ended. Only the leader has it.",
    },
    () => {
      const value = injected();
      return value === undefined ? [] : [{ value }];
    },
  );
}
