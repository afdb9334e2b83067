/**
 * Who was shown before another in the queue is granted before him. Judged in pools in which no sidecar hands over while
 * somebody else waits, and of pairs that stood in places of their own when they were shown:
 *
 * - the one before waits behind another sidecar than the one that shows it (that shows one waiter a place, the first in it), the
 *   other is the first of its pod, which holds nothing itself (its callers would stand behind the holder, without a place);
 * - who stood before asked once, of a session of its sidecar that had granted something before: so it lost no place in between,
 *   by which it would have had to queue anew;
 * - both relied on their grants: then the order in which they heard is the order in which they were granted.
 */
import type { Shown } from "../history/event.ts";
import { wasReliedOn, type Grant, type History, type Look } from "../history/history.ts";
import { ms, type Violation } from "./violation.ts";

/** The work whose holders' names are those of their attempts, in a pool without hand-over. */
export const strictWork = "strict";

export function order({ grants, looks }: History): Violation[] {
  const strict = grants.filter(({ attempt }) => attempt.work === strictWork);
  const byHolder = new Map(strict.map((grant) => [grant.attempt.holder, grant]));
  const firstUse = firstUses(grants);
  const told = new Set<string>();
  return looks.flatMap((look) =>
    pairsOf(look).flatMap(([first, second]) => {
      const [before, after] = [byHolder.get(first.holder), byHolder.get(second.holder)];
      if (before === undefined || after === undefined) return [];
      if (![before, after].every(wasReliedOn) || before.atMs < after.atMs) return [];
      const { attempt } = before;
      const usedMs = firstUse.get(sessionOf(before.grantId)) ?? Infinity;
      if (attempt.repeated || usedMs >= attempt.askedMs) return [];
      const pair = `${before.attempt.op} ${after.attempt.op}`;
      if (told.has(pair)) return [];
      told.add(pair);
      return [wrong(look, before, after)];
    }),
  );
}

/** When a grant of each session was first heard of. */
function firstUses(grants: readonly Grant[]): Map<string, number> {
  const uses = new Map<string, number>();
  for (const { grantId, atMs } of grants) {
    const session = sessionOf(grantId);
    if (!uses.has(session)) uses.set(session, atMs);
  }
  return uses;
}

/** A grantId names its session. */
function sessionOf(grantId: string): string {
  return grantId.slice(0, grantId.indexOf("-"));
}

function pairsOf({ pod, holders, waiters }: Look): [Shown, Shown][] {
  const firsts = waiters.filter(
    (one, at) => waiters.findIndex((other) => other.pod === one.pod) === at,
  );
  const isOnce = ({ holder }: Shown): boolean =>
    waiters.filter((other) => other.holder === holder).length === 1;
  const holds = (of: string): boolean => holders.some((holder) => holder.pod === of);
  return firsts.flatMap((first, at) =>
    first.pod !== pod && isOnce(first) && !holds(first.pod)
      ? firsts
          .slice(at + 1)
          .filter((second) => !holds(second.pod))
          .map((second): [Shown, Shown] => [first, second])
      : [],
  );
}

function wrong({ lock, pod, atMs }: Look, before: Grant, after: Grant): Violation {
  const [first, second] = [before.attempt.op, after.attempt.op];
  const what = `${lock}: ${first} was shown before ${second} by ${pod} at ${ms(atMs)}, and was granted after it, at ${ms(before.atMs)} and ${ms(after.atMs)}`;
  return { rule: "order", atMs: after.atMs, ops: [first, second], what };
}
