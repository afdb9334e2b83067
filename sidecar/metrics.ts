/** The sidecar's metrics. Labels are pools, operations and states: never a lock's name, a key or a caller. */
import packageFile from "../package.json" with { type: "json" };
import type { SessionState, SessionStatus } from "#core/session/status.ts";
import type { Counters } from "#core/lock/counters.ts";
import type { Counter, Metrics } from "#host/metrics.ts";
import { declareProcess } from "#host/process-metrics.ts";

export interface MetricSources {
  readonly session: () => SessionStatus;
  readonly counters: () => ReadonlyMap<string, Readonly<Counters>>;
  /** Requests that are not answered yet, and open connections. */
  readonly requests: () => number;
  readonly connections: () => number;
  /** Event streams: open ones, and those that were closed because nobody read them. */
  readonly streams: () => { readonly size: number; readonly slow: number };
  readonly writesWaiting: () => number;
  readonly etcdReachable: () => boolean;
  /** Milliseconds that the event loop lately stood. */
  readonly lagMs: () => number;
}

const states = [
  "connecting",
  "held",
  "jeopardy",
  "lost",
] as const satisfies readonly SessionState[];

const lockEvents = {
  granted: "Grants given.",
  released: "Grants released by their callers.",
  expired: "Grants ended by their ttl or maxHold.",
  lost: "Grants ended with the session.",
  revoked: "Grants ended because somebody asked for them.",
  broken: "Grants whose place was deleted by force: only the fence protected what they guarded.",
  slow: "Grants ended because nobody read the stream that they lived by.",
  abandoned: "Waits whose caller went away.",
  timedOut: "Waits that ended without a grant.",
  handovers: "Grants that passed from one local caller to the next without a write.",
} as const satisfies Partial<Record<keyof Counters, string>>;

export function declareMetrics(metrics: Metrics, sources: MetricSources): void {
  declareProcess(metrics, { version: packageFile.version, lagMs: sources.lagMs });
  declareSession(metrics, sources);
  declareLocks(metrics, sources);
  declareHttp(metrics, sources);
}

function declareSession(
  metrics: Metrics,
  { session, etcdReachable, writesWaiting }: MetricSources,
): void {
  metrics.read(
    "gauge",
    {
      name: "holdfast_session_state",
      help: "1 for the state that the session is in.",
      labels: ["state"],
    },
    () => states.map((state) => ({ labels: [state], value: Number(session().state === state) })),
  );
  metrics.read(
    "gauge",
    {
      name: "holdfast_session_deadline_seconds",
      unit: "seconds",
      help: "How long stated guarantees can run without another answer from etcd.",
    },
    () => [{ value: (session().deadlineInMs ?? 0) / 1000 }],
  );
  metrics.read(
    "counter",
    { name: "holdfast_session_losses", help: "Sessions lost since the start." },
    () => [{ value: session().losses }],
  );
  metrics.read(
    "gauge",
    { name: "holdfast_session_intents", help: "Removals not yet confirmed by etcd." },
    () => [{ value: session().intents }],
  );
  metrics.read(
    "gauge",
    { name: "holdfast_etcd_reachable", help: "1 while there is a connection to etcd." },
    () => [{ value: Number(etcdReachable()) }],
  );
  metrics.read(
    "gauge",
    { name: "holdfast_etcd_writes_waiting", help: "Writes that wait for a batch." },
    () => [{ value: writesWaiting() }],
  );
}

function declareLocks(metrics: Metrics, { counters }: MetricSources): void {
  for (const [event, help] of Object.entries(lockEvents) as [keyof typeof lockEvents, string][]) {
    const name = `holdfast_lock_${event === "timedOut" ? "timed_out" : event}`;
    metrics.read("counter", { name, help, labels: ["pool"] }, () =>
      [...counters()].map(([pool, counts]) => ({ labels: [pool], value: counts[event] })),
    );
  }
  metrics.read(
    "gauge",
    { name: "holdfast_lock_held", help: "Grants that are held now.", labels: ["pool"] },
    () =>
      [...counters()].map(([pool, { granted, over }]) => ({
        labels: [pool],
        value: granted - over,
      })),
  );
}

function declareHttp(metrics: Metrics, { requests, connections, streams }: MetricSources): void {
  metrics.read(
    "gauge",
    { name: "holdfast_http_streams", help: "Event streams that are open." },
    () => [{ value: streams().size }],
  );
  metrics.read(
    "counter",
    {
      name: "holdfast_http_streams_slow",
      help: "Event streams closed by the sidecar because nobody read them.",
    },
    () => [{ value: streams().slow }],
  );
  metrics.read(
    "gauge",
    { name: "holdfast_http_requests_in_flight", help: "Requests not answered yet." },
    () => [{ value: requests() }],
  );
  metrics.read("gauge", { name: "holdfast_http_connections", help: "Open connections." }, () => [
    { value: connections() },
  ]);
}

/** By operation and status. */
export function answersCounter(metrics: Metrics): (operation: string, status: string) => Counter {
  return metrics.counters({
    name: "holdfast_http_requests",
    help: "Answers by operation and status.",
    labels: ["operation", "status"],
  });
}
