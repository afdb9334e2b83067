/**
 * A loss is told before the next is granted: who asks how his grant stands after somebody else, whom it excludes, has heard that
 * he holds, is not told that he holds still. And who lives by a stream hears of it there by then: when he asks, after the next was
 * granted, and is told that it is over, for the second time, then his stream has told so before.
 */
import { byLock, lockOfGrant, wasReliedOn, type Grant, type History } from "../history/history.ts";
import { ms, type Violation } from "./violation.ts";

export function told({ grants }: History): Violation[] {
  return [...byLock(grants, lockOfGrant).values()].flatMap((of) =>
    of.flatMap((grant, index) => {
      const next = nextOf(of, index);
      return [...ofGrant(grant, next), ...ofStream(grant, next)];
    }),
  );
}

/** The first that was heard of after that one, and excludes it. */
function nextOf(grants: readonly Grant[], index: number): Grant | undefined {
  const grant = grants[index];
  for (let at = index + 1; at < grants.length; at++) {
    const other = grants[at];
    if (grant !== undefined && other !== undefined && wasReliedOn(other) && excludes(grant, other))
      return other;
  }
  return undefined;
}

function ofGrant(grant: Grant, next: Grant | undefined): Violation[] {
  const last = grant.statements.at(-1);
  if (last === undefined || last.sentMs <= grant.atMs) return [];
  if (next === undefined || next.atMs >= last.sentMs) return [];
  // Given back in between, it is no loss.
  if (grant.releasingMs !== undefined && grant.releasingMs <= last.sentMs) return [];
  const { op, lock } = grant.attempt;
  const what = `${lock}: ${op} asked at ${ms(last.sentMs)} and was told that it holds, after ${next.attempt.op} was granted at ${ms(next.atMs)}`;
  return [{ rule: "told", atMs: last.sentMs, ops: [op, next.attempt.op], what }];
}

function ofStream({ attempt: { op, lock }, untoldMs }: Grant, next?: Grant): Violation[] {
  const askedMs = untoldMs.find((sentMs) => next !== undefined && next.atMs < sentMs);
  if (next === undefined || askedMs === undefined) return [];
  const what = `${lock}: ${op} had not been told of its loss by its stream at ${ms(askedMs)}, after ${next.attempt.op} was granted at ${ms(next.atMs)}`;
  return [{ rule: "told", atMs: askedMs, ops: [op, next.attempt.op], what }];
}

function excludes({ attempt: one }: Grant, { attempt: other }: Grant): boolean {
  switch (one.sharing.mode) {
    case "Mutex":
      return true;
    case "ReadWrite":
      return one.mode === "exclusive" || other.mode === "exclusive";
    case "Semaphore":
      return one.permits + other.permits > one.sharing.permits;
  }
}
