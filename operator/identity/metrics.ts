/** What identity exports. Labels are from closed lists: never a namespace or a pod. */
import type { Metrics } from "#host/metrics.ts";

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
