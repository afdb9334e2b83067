/** How much a resource is used, summed over what the sidecars of its namespace say. */
import { numberOf, textOf } from "#core/json.ts";
import type { SidecarReport } from "#core/spec/report.ts";
import { secondTime } from "#host/wall-time.ts";

export interface Usage {
  readonly held: number;
  readonly waiting: number;
  /** As text, since kubectl shows its age. Undefined: nobody waits. */
  readonly oldestWaitSince: string | undefined;
}

/** As the resource's status says, for as long as the sidecars cannot be heard. */
export function usageSaid({ held, waiting, oldestWaitSince }: Readonly<Record<string, unknown>>) {
  const said: Usage = {
    held: numberOf(held) ?? 0,
    waiting: numberOf(waiting) ?? 0,
    oldestWaitSince: textOf(oldestWaitSince),
  };
  return said;
}

export function usageOf(
  reports: readonly SidecarReport[],
  of: { readonly kind: string; readonly name: string },
): Usage {
  let [held, waiting, oldest] = [0, 0, Number.POSITIVE_INFINITY];
  for (const { resources } of reports) {
    for (const resource of resources) {
      if (resource.kind !== of.kind || resource.name !== of.name) continue;
      held += resource.held;
      waiting += resource.waiting;
      oldest = Math.min(oldest, resource.oldestWaitSince ?? oldest);
    }
  }
  return {
    held,
    waiting,
    oldestWaitSince: Number.isFinite(oldest) ? secondTime(oldest) : undefined,
  };
}
