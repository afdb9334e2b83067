/** What a sidecar exports of its identity; only where it has one. */
import type { Counter, Metrics } from "#host/metrics.ts";

export interface IdentitySeen {
  readonly notAfterMs: () => number | undefined;
  readonly isGood: () => boolean;
}

/** Counts exchanges with the operator by outcome: `given`, `renewed`, or the step that failed. */
export function declareIdentity(
  metrics: Metrics,
  { notAfterMs, isGood }: IdentitySeen,
): (outcome: string) => Counter {
  metrics.read(
    "gauge",
    {
      name: "holdfast_identity_good",
      help: "1 while this sidecar has an identity that has not ended. No series: it has none from an operator.",
    },
    () => [{ value: Number(isGood()) }],
  );
  metrics.read(
    "gauge",
    {
      name: "holdfast_identity_expiry_timestamp_seconds",
      help: "When this sidecar's certificate for etcd ends, in seconds since 1970. It is renewed from a third of its life on.",
      unit: "seconds",
    },
    () => {
      const ms = notAfterMs();
      return ms === undefined ? [] : [{ value: ms / 1_000 }];
    },
  );
  return metrics.counters({
    name: "holdfast_identity_asks",
    help: "Times that the operator was asked for an identity, by outcome: given, renewed, or the step that failed (DNS, connect, TLS, answer, refused).",
    labels: ["outcome"],
  });
}
