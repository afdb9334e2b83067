/** All that a history is judged by. */
import type { History, Seen } from "../history/history.ts";
import { exclusion } from "./exclusion.ts";
import { fences } from "./fences.ts";
import { free } from "./free.ts";
import { order } from "./order.ts";
import { served } from "./served.ts";
import { together } from "./together.ts";
import { told } from "./told.ts";
import { views } from "./views.ts";
import type { Violation } from "./violation.ts";

const asSeen = (rule: string, seen: readonly Seen[]): Violation[] =>
  seen.map(({ what, atMs }) => ({ rule, what, atMs, ops: [] }));

export const checks: Readonly<Record<string, (history: History) => Violation[]>> = {
  exclusion,
  fences,
  together,
  told,
  order,
  free,
  views,
  served,
  leftovers: ({ leftOver }) => asSeen("leftovers", leftOver),
  wrong: ({ wrong }) => asSeen("wrong", wrong),
};

export function judge(history: History): Violation[] {
  return Object.values(checks)
    .flatMap((check) => check(history))
    .toSorted((a, b) => a.atMs - b.atMs);
}
