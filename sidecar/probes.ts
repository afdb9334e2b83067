/** The health port over everything behind it: what each probe asks, and the metrics. */
import { Health, type Checks } from "#host/health.ts";
import type { Loss } from "#core/lock/losses.ts";
import { viewEtcd } from "./etcd-status.ts";
import type { HttpServer } from "#host/http/server.ts";
import type { Streams } from "./handlers/streams.ts";
import { declareMetrics } from "./metrics.ts";
import { options as optionTable } from "./options.ts";
import type { Running } from "./running.ts";
import { startChecks, type StartedParts } from "./started.ts";

/** Of pools with onLoss: Unready. */
function tellLoss(loss: Loss | undefined): string | undefined {
  if (loss === undefined) return undefined;
  const { pool, name, holder, why, at } = loss;
  const since = new Date(at).toISOString();
  return `the lock '${pool}/${name}' of '${holder}' was lost (${why}) at ${since}; acquire it again, or DELETE /v1/grants?holder=${encodeURIComponent(holder)}`;
}

export interface Probes {
  readonly health: Health;
  /** Since then /startupz passes, whatever happens. */
  readonly started: () => void;
}

/** Throws ListenRefused. */
export async function startProbes(
  running: Running,
  { http, streams }: { readonly http: HttpServer; readonly streams: Streams },
  startParts: StartedParts,
): Promise<Probes> {
  const { options, runtime, kernel, store, loop, metrics } = running;
  const checks = startChecks(startParts);
  let hasStarted = false;
  const wasRemembered = kernel.specs.remembered().length > 0;
  const untilStarted = (check: () => string | undefined) => () =>
    hasStarted ? undefined : check();
  const startup: Checks = Object.fromEntries(
    Object.entries(checks).map(([name, check]) => [name, untilStarted(check)]),
  );
  declareMetrics(metrics, {
    session: () => kernel.sessions.status(),
    counters: () => kernel.locks.counters(),
    requests: () => http.requests,
    connections: () => http.connections,
    streams: () => streams,
    writesWaiting: () => store.writesWaiting,
    etcdReachable: () => viewEtcd(store.client.status()).reachable,
    lagMs: () => loop.lagMs(),
  });
  const health = await Health.start({
    address: options.healthAddress,
    option: optionTable.healthAddress,
    startup,
    live: { eventLoop: () => loop.problem() },
    ready: {
      draining: () => (http.isDraining ? "the sidecar is shutting down" : undefined),
      // Once they were there, what becomes of one of them is no reason to take the pod out of service.
      // An earlier life of this sidecar that had read them counts: else an outage of etcd empties a Service pod by pod.
      resources: wasRemembered ? () => undefined : untilStarted(checks.resources),
      losses: () => tellLoss(kernel.locks.loss()),
      // An outage of etcd must not empty every Service, unless somebody wants just that.
      ...(options.readyNeedsEtcd ? { session: checks.session } : {}),
    },
    metrics,
    log: runtime.log,
  });
  return {
    health,
    started: () => {
      hasStarted = true;
    },
  };
}
