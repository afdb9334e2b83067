/**
 * A holder hears that he lost a lock before the next one is granted it, as long as his process runs: whoever stands still can be
 * told nothing, and who wakes from the sleep of his machine finds out within a second (core/session). Judged at the moment of the
 * next grant.
 */
import type { Granted, Violation } from "../history.ts";
import type { Stage } from "../stage.ts";

/** A session looks so often whether its machine slept. */
const wakingMs = 1_100;

export function toldBefore({ history, processes, world }: Stage, next: Granted): Violation[] {
  if (next.waived !== undefined || next.sharing.mode === "Semaphore") return [];
  const running = new Set(
    processes
      .filter(({ hasRunSince }) => hasRunSince(world.nowMs - 1))
      .filter(({ hasBeenAwakeSince }) => hasBeenAwakeSince(world.nowMs - wakingMs))
      .map(({ name }) => name),
  );
  const untold = history.grants.filter((grant) => {
    if (grant === next || grant.lock !== next.lock || !running.has(grant.process)) return false;
    if (grant.mode === "shared" && next.mode === "shared") return false;
    const { waived, releasedMs, toldMs } = grant;
    return waived === undefined && releasedMs === undefined && toldMs === undefined;
  });
  return untold.map(({ id, process }) => ({
    rule: "told",
    atMs: world.nowMs,
    what: `${next.lock}: ${next.id} (${next.process}) was granted, and ${id} (${process}) had not heard of its loss`,
  }));
}
