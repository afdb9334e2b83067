/**
 * What the webhooks export: what became of pods, and the requests themselves under the names of controller-runtime (its
 * main branch, where the latency has the code, too). Labels are from closed lists: never a namespace or a pod.
 */
import type { Counter, Gauge, Histogram, Metrics } from "#host/metrics.ts";

/** By outcome and reason. */
export function injectionsCounter(metrics: Metrics): (outcome: string, reason: string) => Counter {
  return metrics.counters({
    name: "holdfast_injection",
    help: "Pods that the API server asked about, by outcome (patched, skipped, refused) and, of the latter two, why. Dry runs are left out.",
    labels: ["outcome", "reason"],
  });
}

export interface WebhookCells {
  readonly requests: Counter;
  readonly latency: Histogram;
}

export interface WebhookRequests {
  /** By status of the answer. */
  readonly answered: (code: string) => WebhookCells;
  readonly inFlight: Gauge;
}

/** Prometheus' own, as controller-runtime leaves them. */
const latencyBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** `webhook`: its path, as there. */
export function webhookRequests(metrics: Metrics, webhook: string): WebhookRequests {
  const labels = ["webhook", "code"];
  const requests = metrics.counters({
    name: "controller_runtime_webhook_requests",
    help: "Total number of admission requests by HTTP status code. 0: whoever asked had gone before the answer.",
    labels,
  });
  const latency = metrics.histograms(
    {
      name: "controller_runtime_webhook_latency_seconds",
      help: "Histogram of the latency of processing admission requests",
      labels,
    },
    latencyBounds,
  );
  const inFlight = metrics.gauges({
    name: "controller_runtime_webhook_requests_in_flight",
    help: "Current number of admission requests being served.",
    labels: ["webhook"],
  });
  return {
    answered: (code) => ({ requests: requests(webhook, code), latency: latency(webhook, code) }),
    inFlight: inFlight(webhook),
  };
}
