/** Durations as callers write them: as the API does (`500ms`, `10s`, `1m30s`), or a number of milliseconds. */
import { HoldfastError } from "./error.ts";
import { formatDuration, readDurationMs } from "./generated/duration.ts";

export type Duration = string | number;

/** Throws HoldfastError `malformed`, naming the field. */
export function durationMs(field: string, duration: Duration): number {
  const ms = typeof duration === "string" ? readDurationMs(duration) : duration;
  if (typeof ms === "number" && Number.isFinite(ms) && ms >= 0) return ms;
  throw new HoldfastError(
    "malformed",
    `${field}: '${String(duration).slice(0, 50)}' is no duration such as '500ms', '10s' or '1m30s', nor a number of milliseconds.`,
    { facts: { field } },
  );
}

export function durationText(field: string, duration: Duration): string {
  return formatDuration(durationMs(field, duration));
}

/** What a sidecar has answered. */
export function answeredMs(duration: string): number {
  return durationMs("the sidecar's answer", duration);
}
