/**
 * A write guarded by a grant: it takes effect while the grant's place stands, or not at all; and so never after the next grant
 * of the lock, nor after its release was answered.
 *
 * Assumes: the grant is live, and was given here. Writes: what the caller wants, given the session's epoch and the create
 * revision of each of the grant's places. Only the caller knows who else writes those keys, and what its own compares are for.
 * Refused as stale: the epoch was raised; sent again with the new one while the grant is live. Or a place is gone: nothing was
 * written, and the grant is lost.
 * Lost answer: `unknown`; it may take effect later, as long as the place stands and the epoch is the one that it carries.
 *
 * A place that goes takes the power of such writes along, wherever they are on their way. So nothing waits for them where the
 * place is deleted when its grant is over: the session's last places, those of sets, of owners and of permits, and what is left
 * because a budget is over, the pool is gone or the sidecar stops. The release is answered when the delete is.
 *
 * A place that stays, to be granted on again, would let them in. So, whatever ended the grant (a release, its ttl, maxHold,
 * force), when it was passed:
 * - the next local caller is granted the lock, and an unused lock becomes idle, only when all have their answers; where that
 *   takes longer than the pool's `handover.maxHold`, or there is no answer, the place is left instead, and the next caller takes
 *   a new one (cohort.ts). (A store that joins writes may hold that delete back until those that compare the place have ended,
 *   each by itself.) To be idle nothing may be under way, and nothing can begin then: so nothing waits for it later;
 * - of readers, who share a place, others stay: one of them is told that he has released it when what he guarded is answered
 *   or, without an answer, when the epoch was raised past it, or with the place (together.ts). It is theirs, so nobody else is
 *   kept waiting: an exclusive grant comes only when it is gone.
 *
 * When the session ends the places stand until its lease ends, and nobody is granted before: no matter what comes until then.
 */
import type { Outcome } from "../outcome.ts";
import { after, type Runtime } from "../runtime.ts";
import type { Specs } from "../spec/specs.ts";
import type { Store, Write, WriteResult } from "../store.ts";
import type { Grant } from "./grant.ts";
import { Guards } from "./guards.ts";
import type { Place } from "./place.ts";
import { epochUnknown } from "./refusals.ts";
import { rulesNow } from "./rules.ts";

/** Each is preceded by a raise of the epoch, which are spaced. */
const triesMax = 8;

export type GuardedWrite = Pick<Write, "when" | "then" | "otherwise">;

/** `lost`: the grant is over, or its place is gone; nothing was written. */
export type Guarded = Outcome<WriteResult> | { readonly kind: "lost"; readonly isGone: boolean };

/** @throws Refusal nothing was written, and it may be asked again */
export async function writeGuarded(
  store: Store,
  grant: Grant,
  { when, then, otherwise }: GuardedWrite,
): Promise<Guarded> {
  const { session, keys, created, id } = grant.terms;
  const guards = (grant.guards ??= new Guards(session));
  const stands = keys.map((key) => ({ kind: "created", key, revision: created }) as const);
  for (let tries = 0; tries < triesMax; tries++) {
    const sentUnder = session.epoch;
    guards.begin(id);
    const given = [session.holds(), ...stands];
    const outcome = await store.write({ given, when, then, otherwise });
    guards.end(outcome.kind === "unknown" ? sentUnder : undefined);
    if (outcome.kind !== "refused" || outcome.reason.code !== "stale") return outcome;
    if (outcome.reason.facts.some(({ fact }) => fact.kind === "created"))
      return { kind: "lost", isGone: true };
    await session.leaveEpoch(sentUnder);
    if (!grant.isLive()) return { kind: "lost", isGone: false };
  }
  throw epochUnknown();
}

/** Waits until nothing that a grant guarded can take effect any more; else nothing is granted on its place any more. */
export async function unguarded(
  { runtime, mirror }: { readonly runtime: Runtime; readonly mirror: Specs },
  place: Place,
  { guards, terms }: Grant,
): Promise<void> {
  const maxHoldMs = rulesNow(mirror, terms.lock.pool)?.handover.maxHoldMs ?? 0;
  const isOver = await guards?.areOverBy(after(runtime.now(), maxHoldMs), runtime);
  if (isOver === false) place.isUnsure = true;
}
