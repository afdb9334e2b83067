/** How far the sidecars of a namespace are with one record, by what they say themselves. */
import type { Revision } from "#core/store.ts";
import type { SidecarReport } from "#core/spec/report.ts";

export interface Coverage {
  readonly sidecars: number;
  readonly applied: number;
  /** Pods that have not taken the record in yet. */
  readonly behind: readonly string[];
  /** Pods whose protocol level is below the record's: they never will. */
  readonly tooOld: readonly string[];
}

export const nobody: Coverage = { sidecars: 0, applied: 0, behind: [], tooOld: [] };

export function coverageOf(
  reports: readonly SidecarReport[],
  record: { readonly modRevision: Revision; readonly level: number },
): Coverage {
  const pods = (some: readonly SidecarReport[]): string[] => some.map(({ pod }) => pod).sort();
  const tooOld = reports.filter(({ level }) => level < record.level);
  const behind = reports.filter(
    ({ level, applied }) => level >= record.level && applied < record.modRevision,
  );
  return {
    sidecars: reports.length,
    applied: reports.length - tooOld.length - behind.length,
    behind: pods(behind),
    tooOld: pods(tooOld),
  };
}

const namedMax = 5;

/** "a, b and 3 more" */
export function named(pods: readonly string[]): string {
  const shown = pods.slice(0, namedMax).join(", ");
  return pods.length <= namedMax ? shown : `${shown} and ${pods.length - namedMax} more`;
}
