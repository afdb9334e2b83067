/** A run in numbers: one line of JSON. */
import { waits, type Waits } from "../checks/served.ts";
import type { Violation } from "../checks/violation.ts";
import type { History, Outcome } from "../history/history.ts";

export interface Summary {
  readonly seed: string;
  readonly members: number;
  readonly pods: number;
  readonly seconds: number;
  readonly asked: number;
  readonly outcomes: Readonly<Partial<Record<Outcome, number>>>;
  /** By their codes. */
  readonly refusals: Readonly<Record<string, number>>;
  readonly grants: number;
  readonly lost: number;
  readonly looks: number;
  readonly waits: Waits;
  readonly faults: Readonly<Record<string, number>>;
  readonly killedApps: number;
  readonly violations: number;
  readonly byRule: Readonly<Record<string, number>>;
}

export function summaryOf(
  history: History,
  violations: readonly Violation[],
  run: Pick<Summary, "seed" | "members" | "pods">,
): Summary {
  const { attempts, grants, looks, faults, killed, endMs } = history;
  return {
    ...run,
    seconds: Math.round(endMs / 1_000),
    asked: attempts.length,
    outcomes: counted(attempts.flatMap(({ outcome }) => outcome ?? [])),
    refusals: counted(attempts.flatMap(({ code }) => code ?? [])),
    grants: grants.length,
    lost: grants.filter(({ lostMs }) => lostMs !== undefined).length,
    looks: looks.length,
    waits: waits(history),
    faults: counted(faults.map(({ name }) => name)),
    killedApps: killed.size,
    violations: violations.length,
    byRule: counted(violations.map(({ rule }) => rule)),
  };
}

function counted<T extends string>(names: readonly T[]): Record<T, number> {
  const counts: Partial<Record<T, number>> = {};
  for (const name of names.toSorted()) counts[name] = (counts[name] ?? 0) + 1;
  return counts as Record<T, number>;
}
