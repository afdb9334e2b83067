/** The pools of a run, as their YAML is made of and as the checkers read them. */
import type { Sharing } from "#core/lock/order.ts";
import { pool } from "#test/support/sidecar-process.ts";

interface PoolOfRun {
  readonly sharing: Sharing;
  /** Further lines of its spec. */
  readonly spec: string;
  readonly isSticky?: boolean;
}

const alone: Sharing = { mode: "Mutex", permits: 1 };

export const pools: Readonly<Record<PoolName, PoolOfRun>> = {
  orders: { sharing: alone, spec: "ttl: 5s" },
  /** No sidecar hands over while another waits: strict order over all pods. */
  strict: { sharing: alone, spec: "ttl: 5s, handover: {maxCount: 0}" },
  bounded: { sharing: alone, spec: "ttl: 5s, maxHold: 1s" },
  pages: { sharing: { mode: "ReadWrite", permits: 1 }, spec: "ttl: 5s" },
  slots: { sharing: { mode: "Semaphore", permits: 4 }, spec: "ttl: 5s, permits: 4" },
  /** A place that is kept for all of this time is kept from those who wait for as long as anybody here does. */
  sticky: { sharing: alone, spec: "ttl: 5s, stickyFor: 30s", isSticky: true },
};

export type PoolName = "orders" | "strict" | "bounded" | "pages" | "slots" | "sticky";

export const poolNames = Object.keys(pools) as PoolName[];

export function resources(): string[] {
  return Object.entries(pools).map(([name, { sharing, spec }]) =>
    pool(name, `mode: ${sharing.mode}, ${spec}`),
  );
}
