/** Metrics that every process has: what runs, how much it takes, and whether its loop turns. */
import type { Metrics } from "./metrics.ts";

export interface ProcessSources {
  readonly version: string;
  /** Milliseconds that the event loop lately stood. */
  readonly lagMs: () => number;
}

export function declareProcess(metrics: Metrics, { version, lagMs }: ProcessSources): void {
  metrics.read(
    "info",
    { name: "holdfast_build", help: "What runs here.", labels: ["version", "node"] },
    () => [{ labels: [version, process.versions.node], value: 1 }],
  );
  metrics.read(
    "gauge",
    {
      name: "holdfast_event_loop_lag_seconds",
      unit: "seconds",
      help: "The longest that the event loop lately stood.",
    },
    () => [{ value: lagMs() / 1000 }],
  );
  metrics.read(
    "gauge",
    { name: "process_resident_memory_bytes", unit: "bytes", help: "Resident memory." },
    () => [{ value: process.memoryUsage.rss() }],
  );
  metrics.read(
    "counter",
    { name: "process_cpu_seconds", unit: "seconds", help: "CPU time used, user and system." },
    () => {
      const { user, system } = process.cpuUsage();
      return [{ value: (user + system) / 1e6 }];
    },
  );
}
