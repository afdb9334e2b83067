/**
 * A write that a grant guards takes effect at most once, as its answer says, and not after the next grant of the lock that
 * excludes it, nor after its client was told that the grant is released.
 */
import type { Granted, GuardedWrite, History, Violation } from "../history.ts";

export function guarded(history: History): Violation[] {
  return [...history.guarded.values()].flatMap((write) => [
    ...asAnswered(write),
    ...history.grantsOf(write.grantId).flatMap((grant) => inTime(write, grant, history)),
  ]);
}

function asAnswered({ id, process, answer, effects }: GuardedWrite): Violation[] {
  const wrong = (what: string): Violation[] => [
    { rule: "guarded", atMs: effects[0]?.atMs, what: `${id} (${process}) ${what}` },
  ];
  if (effects.length > 1) return wrong(`took effect ${String(effects.length)} times`);
  if (answer === "done" && effects.length === 0) return wrong("was told as done, and is not");
  if ((answer === "refused" || answer === "lost") && effects.length > 0)
    return wrong(`was told as ${answer}, and took effect`);
  return [];
}

function inTime({ id, effects }: GuardedWrite, grant: Granted, { grants }: History): Violation[] {
  const [effect] = effects;
  if (effect === undefined || grant.waived !== undefined) return [];
  const wrong = (what: string): Violation[] => [
    { rule: "guarded", atMs: effect.atMs, what: `${grant.lock}: ${id} took effect after ${what}` },
  ];
  const { freedStep = Infinity } = grant;
  if (freedStep < effect.step) return wrong(`${grant.id} was told as released`);
  const next = grants.find(
    (other) =>
      other.lock === grant.lock &&
      other.step > grant.step &&
      other.waived === undefined &&
      other.step < effect.step &&
      excludes(grant, other),
  );
  return next === undefined ? [] : wrong(`${next.id} (${next.process}) was granted`);
}

/** Permits are not told apart: some may be held beside each other. */
function excludes(grant: Granted, next: Granted): boolean {
  if (grant.sharing.mode === "Semaphore") return false;
  return grant.mode === "exclusive" || next.mode === "exclusive";
}
