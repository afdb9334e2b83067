/** The health port: what each probe asks, and the metrics. Served by every replica, whether or not it leads. */
import { Health, type Checks } from "#host/health.ts";
import { declareSidecars } from "./controllers/sidecars/metrics.ts";
import type { Leadership } from "./leadership.ts";
import { declareMetrics } from "./metrics.ts";
import { options as optionTable } from "./options.ts";
import type { Running } from "./running.ts";

/** `ready`: what the fronts say. Throws ListenRefused. */
export async function startProbes(
  running: Running,
  leadership: Leadership,
  ready: Checks,
): Promise<Health> {
  const { options, runtime, objects, loop, metrics } = running;
  declareMetrics(metrics, {
    etcdConnected: () => leadership.etcdConnected,
    isAtWork: () => leadership.isAtWork,
    lagMs: () => loop.lagMs(),
  });
  declareSidecars(metrics, {
    toRestart: () => leadership.sidecars?.samples() ?? [],
    injected: () => leadership.sidecars?.injected,
  });
  // Whether etcd answers is no reason to take the pod out of service, nor to start it again: no other would do better.
  const synced = (): string | undefined =>
    objects.every((one) => one.hasSynced())
      ? undefined
      : `the resources were not read yet: ${objects.map((one) => one.problem() ?? "reading").join("; ")}`;
  return Health.start({
    address: options.healthAddress,
    option: optionTable.healthAddress,
    startup: { caches: synced },
    live: { eventLoop: () => loop.problem() },
    ready: { ...ready, caches: synced },
    metrics,
    log: runtime.log,
  });
}
