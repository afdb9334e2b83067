/** What a fault is given, and how long it lasts. */
import { setTimeout as sleep } from "node:timers/promises";
import type { EtcdMember } from "#test/support/etcd-member.ts";
import type { Bounds, Chance } from "#test/support/world/chance.ts";
import type { Pod } from "../stage/pod.ts";
import { sessionTtlMs, type Stage } from "../stage/stage.ts";

export interface Trouble {
  readonly stage: Stage;
  readonly chance: Chance;
  /** Aborts when the run is over: faults heal at once. */
  readonly over: AbortSignal;
  /** How long faults last; absent: now and then longer than a session lives. */
  readonly lastsMs?: Bounds | undefined;
}

export type OfPod = (trouble: Trouble, pod: Pod) => Promise<void>;
export type OfEtcd = (trouble: Trouble, member: EtcdMember) => Promise<void>;

export function someTime({ chance, lastsMs }: Trouble): number {
  if (lastsMs !== undefined) return chance.between(lastsMs);
  return sessionTtlMs * chance.between({ min: 0.1, max: chance.oneOf([0.4, 1, 1.8]) });
}

/** So long, or until the run is over. */
export async function last({ over }: Trouble, ms: number): Promise<void> {
  if (over.aborted) return;
  await sleep(ms, undefined, { signal: over }).catch((error: unknown) => {
    if (!over.aborted) throw error;
  });
}
