/** When all has healed and everybody has given back what he had: only live sessions are left, each with its key and its report, and no process keeps or counts what is over. */
import { dataRoot, sessionKey } from "#core/session/keys.ts";
import { reportKey } from "#core/spec/report.ts";
import { prefixRange } from "#core/store.ts";
import type { Violation } from "../history.ts";
import { namespace } from "../process.ts";
import type { Stage } from "../stage.ts";

export function leftovers({ server, processes, history, world }: Stage): Violation[] {
  const violations: Violation[] = [];
  const wrong = (what: string) => violations.push({ rule: "leftovers", what, atMs: world.nowMs });
  const live = new Set<string>();
  for (const { name, kernel } of processes) {
    const { state, session, intents } = kernel.sessions.status();
    if (session === undefined || state !== "held") wrong(`${name} has no session: ${state}`);
    else for (const keyOf of [sessionKey, reportKey]) live.add(keyOf(namespace, session));
    if (intents > 0) wrong(`${name} has ${String(intents)} removals that are not confirmed`);
    const cohorts = [...kernel.locks.cohorts()].length;
    if (cohorts > 0) wrong(`${name} keeps ${String(cohorts)} cohorts for nobody`);
    for (const [pool, { granted, over }] of kernel.locks.counters())
      if (granted !== over) wrong(`${name} counts ${String(granted - over)} grants of ${pool}`);
  }
  for (const { key } of server.keys.within(prefixRange(dataRoot(namespace))))
    if (!live.delete(key)) wrong(`${key} is left`);
  for (const key of live) wrong(`${key} is missing`);
  if (server.leases.length > processes.length)
    wrong(`${String(server.leases.length)} leases live for ${String(processes.length)} sessions`);
  for (const { id, process, outcome } of history.attempts)
    if (outcome === undefined && processes.some(({ name }) => name === process))
      wrong(`attempt ${String(id)} at ${process} has no answer`);
  return violations;
}
