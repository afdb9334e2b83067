/**
 * Takes a place in the queue of a lock, and says whether that place holds it: alone it does, in every mode.
 *
 * Assumes: a live session; the pool's record, the fence base and the absence of `anew` as the mirror knows them; and that
 * the pool has no marker, else those of the lock are listed too (marks.ts).
 * Writes, in one conditional write: one contender under the session's lease, given all of that; and, where the caller
 * leaves an old place (its hand-over budget is over), the delete of that.
 * Refused as stale: a fact moved before our watch told us; taken in, and entered again with it.
 * Lost answer: settled by the session (the epoch is raised, then the key is read), then as done or as refused; the key is made
 * no more. An old place that the write was to delete stands where the write was refused; its owner deletes it.
 */
import { assert } from "../refusal.ts";
import type { StoreRefusal } from "../outcome.ts";
import type { Key, Op, OpResult, Revision } from "../store.ts";
import type { Specs } from "../spec/specs.ts";
import type { ResourceRecord } from "../spec/records.ts";
import type { Session } from "../session/session.ts";
import { encodeContender, type ContenderValue } from "./contender.ts";
import { contenderKey, type Lock } from "./keys.ts";
import type { PoolMarks } from "./marks.ts";
import { Place } from "./place.ts";
import type { StepParts } from "./step-parts.ts";

/** Nothing was written. */
export type NotEntered =
  /** Nothing can be granted now: there is no base, or etcd began anew. */
  | { readonly kind: "blocked" }
  /** A fact was stale and is known better now; where that is the epoch, only when `known` resolves. */
  | { readonly kind: "again"; readonly known?: Promise<void> }
  | { readonly kind: "refused"; readonly reason: StoreRefusal };

export type Entered =
  /** `alone`: it holds, as of the write itself. */
  | { readonly kind: "placed"; readonly place: Place; readonly alone: boolean }
  | NotEntered
  /** May be written, now or later. `settle` tells, when etcd can be reached; undefined: it is not there. */
  | { readonly kind: "unknown"; readonly settle: () => Promise<Place | undefined> };

export interface EntryRequest {
  readonly session: Session;
  readonly pool: ResourceRecord;
  readonly marks: PoolMarks;
  /** The last word of its key. No other key of the session in this lock has it, or ever will while this one may stand. */
  readonly seat: string;
  readonly leaving: readonly Key[];
  readonly describe: (base: bigint) => ContenderValue;
}

export async function enter(
  { runtime, store, mirror }: StepParts,
  lock: Lock,
  { session, pool, marks, seat, leaving, describe }: EntryRequest,
): Promise<Entered> {
  const facts = mirror.factsFor(pool);
  const installation = mirror.installation;
  if (facts === undefined || installation === undefined) return { kind: "blocked" };
  const key = contenderKey(lock, { session: session.id, seat });
  const counted = session.next();
  const value = describe(installation.base);
  const sentUnder = session.epoch;
  const unmarked = marks.none(pool, runtime.now());
  const placed = (created: Revision) =>
    new Place({ runtime, store, session, key, counted, created, value });
  session.know(key);
  const outcome = await store.write({
    given: [session.holds(), ...facts, ...unmarked],
    when: [],
    then: [
      ...leaving.map((old): Op => ({ kind: "delete", key: old })),
      { kind: "putEphemeral", key, value: encodeContender(value), lease: session.lease },
      first(lock.contenders, 2),
      ...(unmarked.length === 0 ? [first(lock.marks, 1)] : []),
    ],
    otherwise: [],
  });
  switch (outcome.kind) {
    case "done": {
      const place = placed(outcome.at.revision);
      const alone = isAlone(outcome.value.results.slice(leaving.length + 1), place);
      if (alone) place.base = installation.base;
      return { kind: "placed", place, alone };
    }
    case "refused":
      session.forget(key);
      if (outcome.reason.code === "stale") marks.tookStale(outcome.reason.facts, runtime.now());
      return notEntered(outcome.reason, { mirror, session, sentUnder });
    case "unknown":
      session.seats.spoil();
      return {
        kind: "unknown",
        settle: async () => {
          const settled = await session.settle(key, sentUnder);
          if (settled.kind === "refused") session.forget(key);
          if (settled.kind !== "done") return undefined;
          return placed(settled.created);
        },
      };
    default:
      return outcome satisfies never;
  }
}

/** What refused it is taken in. */
export function notEntered(
  reason: StoreRefusal,
  {
    mirror,
    session,
    sentUnder,
  }: { readonly mirror: Specs; readonly session: Session; readonly sentUnder: Revision },
): NotEntered {
  if (reason.code !== "stale") return { kind: "refused", reason };
  mirror.tookStale(reason.facts, reason.at.revision);
  return reason.facts.some((fact) => fact.key === session.key)
    ? { kind: "again", known: session.leaveEpoch(sentUnder) }
    : { kind: "again" };
}

/**
 * Listed in key order, so the first two tell whether there is another. A key of ours that stood already is another: its
 * create revision, and so its fence, is not new. A marker may be of somebody who was lost.
 */
export function isAlone(
  [contenders, marks]: readonly OpResult[],
  { key, created }: Pick<Place, "key" | "created">,
): boolean {
  assert(contenders?.kind === "listed", "an entry's list was not answered");
  const [own, other] = contenders.result.keys;
  if (other !== undefined || own?.key !== key || own.createRevision !== created) return false;
  return marks?.kind !== "listed" || marks.result.keys.length === 0;
}

export function first({ key, end }: Lock["contenders"], limit: number): Op {
  return { kind: "list", range: { key, end, limit, keysOnly: true } };
}
