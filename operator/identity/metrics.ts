/** What identity exports. Labels are from closed lists: never a namespace or a pod. */
import type { Counter, Metrics } from "#host/metrics.ts";

/** By authority. */
export type AuthoritiesSeen = Iterable<{
  readonly which: string;
  readonly expiryMs: number;
  readonly trusted: number;
}>;

export function declareAuthorities(metrics: Metrics, seen: () => AuthoritiesSeen): void {
  metrics.read(
    "gauge",
    {
      name: "holdfast_authority_expiry_timestamp_seconds",
      help: "When the authority's certificate ends, in seconds since 1970. The leader renews it a year before.",
      labels: ["authority"],
      unit: "seconds",
    },
    () => [...seen()].map(({ which, expiryMs }) => ({ labels: [which], value: expiryMs / 1_000 })),
  );
  metrics.read(
    "gauge",
    {
      name: "holdfast_authority_trusted",
      help: "Certificates in the authority's bundle: 1, and more while one is followed by the next.",
      labels: ["authority"],
    },
    () => [...seen()].map(({ which, trusted }) => ({ labels: [which], value: trusted })),
  );
}

export function declareServing(metrics: Metrics, untilMs: () => number | undefined): void {
  metrics.read(
    "gauge",
    {
      name: "holdfast_serving_expiry_timestamp_seconds",
      help: "When the certificate that this replica shows to the API server and to sidecars ends, in seconds since 1970. It is renewed at a third of its life.",
      unit: "seconds",
    },
    () => {
      const ms = untilMs();
      return ms === undefined ? [] : [{ value: ms / 1_000 }];
    },
  );
}

/** By outcome. */
export function exchangesCounter(metrics: Metrics): (outcome: string) => Counter {
  return metrics.counters({
    name: "holdfast_identity_exchanges",
    help: "Answers to sidecars that asked who they are, by outcome: issued, or why not.",
    labels: ["outcome"],
  });
}
