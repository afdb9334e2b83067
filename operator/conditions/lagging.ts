/** True only while some sidecar is behind the record for longer than a minute; otherwise there is no such condition. */
import type { Condition } from "./condition.ts";
import { named, type Coverage } from "./coverage.ts";

export const lagMsMax = 60_000;

/** `behindMs`: since when the record stands as far as this operator knows. */
export function lagging(
  { behind, tooOld }: Coverage,
  behindMs: number,
): Condition<"Lagging"> | undefined {
  if (behindMs < lagMsMax || behind.length + tooOld.length === 0) return undefined;
  const [type, status] = ["Lagging", "True"] as const;
  if (behind.length > 0) {
    const message = `for more than a minute not applied by ${named(behind)}`;
    return { type, status, reason: "SidecarsBehind", message };
  }
  const message = `${named(tooOld)} cannot serve it; restart these pods to get a newer sidecar`;
  return { type, status, reason: "SidecarsTooOld", message };
}
