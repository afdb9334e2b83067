/** What the webhooks export. Labels are from closed lists: never a namespace or a pod. */
import type { Counter, Metrics } from "#host/metrics.ts";

/** By outcome and reason. */
export function injectionsCounter(metrics: Metrics): (outcome: string, reason: string) => Counter {
  return metrics.counters({
    name: "holdfast_injection",
    help: "Pods that the API server asked about, by outcome (patched, skipped, refused) and, of the latter two, why. Dry runs are left out.",
    labels: ["outcome", "reason"],
  });
}
