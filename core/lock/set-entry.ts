/**
 * Takes a place in the queue of each lock of a set, all in one write, so that all have one create revision: every queue orders
 * requests by that one number, each waits only for smaller ones, and no circle of sets can form. Alone in all, it holds them.
 *
 * Assumes and writes as {@link file://./enter.ts an entry} does, once for each lock: all of it or nothing.
 * Lost answer: settled by the session. One write makes all places or none, so what is found without the others (somebody took
 * those away) is removed, too.
 */
import type { Instant, Runtime } from "../runtime.ts";
import type { Session } from "../session/session.ts";
import type { Specs } from "../spec/specs.ts";
import type { Fact, Key, Op, Revision, Store } from "../store.ts";
import { encodeContender, type ContenderValue } from "./contender.ts";
import { first, isAlone, notEntered, type NotEntered } from "./enter.ts";
import { contenderKey, type Lock } from "./keys.ts";
import type { PoolMarks } from "./marks.ts";
import type { Demand } from "./order.ts";
import { Place } from "./place.ts";

export interface SetEntryParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly mirror: Specs;
}

export interface Wanted {
  readonly lock: Lock;
  readonly demand: Demand;
  readonly pool: { readonly marks: PoolMarks };
}

/** Places in the order of what was wanted. */
export type SetEntered =
  | { readonly kind: "placed"; readonly places: readonly Place[]; readonly alone: boolean }
  | NotEntered
  /** May be written, now or later. `settle` tells; undefined: nothing of it stands that is not being removed. */
  | { readonly kind: "unknown"; readonly settle: () => Promise<readonly Place[] | undefined> };

interface Entry {
  readonly session: Session;
  readonly wanted: readonly Wanted[];
  /** The last word of each key. No other key of the session has it, or ever will while one of these may stand. */
  readonly seat: string;
  readonly describe: (demand: Demand, base: bigint) => ContenderValue;
}

export async function enterSet(
  parts: SetEntryParts,
  { session, wanted, seat, describe }: Entry,
): Promise<SetEntered> {
  const { runtime, store, mirror } = parts;
  const now = runtime.now();
  const given = factsOf(mirror, wanted, now);
  const installation = mirror.installation;
  if (given === undefined || installation === undefined) return { kind: "blocked" };
  const counted = session.next();
  const sentUnder = session.epoch;
  const { lease } = session;
  const made = wanted.map(({ lock, demand }) => ({
    key: contenderKey(lock, { session: session.id, seat }),
    value: describe(demand, installation.base),
  }));
  const placed = (created: Revision) =>
    made.map((one) => new Place({ runtime, store, session, counted, created, ...one }));
  // As an entry lists them: who else contends, and, where the pool may have markers, those of the lock.
  const lists = wanted.map(({ lock, pool }) => [
    first(lock.contenders, 2),
    ...(pool.marks.none(mirror.pool(lock.pool), now).length === 0 ? [first(lock.marks, 1)] : []),
  ]);
  const puts = made.map(({ key, value }): Op => ({
    kind: "putEphemeral",
    key,
    value: encodeContender(value),
    lease,
  }));
  for (const { key } of made) session.know(key);
  const outcome = await store.write({
    given: [session.holds(), ...given],
    when: [],
    then: [...puts, ...lists.flat()],
    otherwise: [],
  });
  switch (outcome.kind) {
    case "done": {
      const { results } = outcome.value;
      const places = placed(outcome.at.revision);
      let from = puts.length;
      const alone = places.every((place, index) => {
        const at = from;
        from += lists[index]?.length ?? 0;
        return isAlone(results.slice(at, from), place);
      });
      if (alone) for (const place of places) place.base = installation.base;
      return { kind: "placed", places, alone };
    }
    case "refused":
      for (const { key } of made) session.forget(key);
      if (outcome.reason.code === "stale")
        for (const { pool } of wanted) pool.marks.tookStale(outcome.reason.facts, now);
      return notEntered(outcome.reason, { mirror, session, sentUnder });
    case "unknown":
      session.seats.spoil();
      return {
        kind: "unknown",
        settle: async () => {
          const keys = made.map(({ key }) => key);
          const created = await settleAll(session, keys, sentUnder);
          return created === undefined ? undefined : placed(created);
        },
      };
    default:
      return outcome satisfies never;
  }
}

/** Of all the pools, each once. Undefined: nothing may be granted now. */
function factsOf(
  mirror: Specs,
  wanted: readonly Wanted[],
  now: Instant,
): readonly Fact[] | undefined {
  const facts = new Map<Key, Fact>();
  for (const { lock, pool } of wanted) {
    const record = mirror.pool(lock.pool);
    const ofPool = mirror.factsFor(record);
    if (ofPool === undefined) return undefined;
    for (const fact of [...ofPool, ...pool.marks.none(record, now)]) facts.set(fact.key, fact);
  }
  return [...facts.values()];
}

/** With which create revision all of them stand; undefined: they do not, or it cannot be known. */
async function settleAll(
  session: Session,
  keys: readonly Key[],
  sentUnder: Revision,
): Promise<Revision | undefined> {
  const settled = await Promise.all(keys.map((key) => session.settle(key, sentUnder)));
  const created = settled.map((one) => (one.kind === "done" ? one.created : undefined));
  const [first] = created;
  if (first !== undefined && created.every((one) => one === first)) return first;
  for (const [index, key] of keys.entries()) {
    const kind = settled[index]?.kind;
    if (kind === "done") session.remove(key);
    else if (kind === "refused") session.forget(key);
  }
  return undefined;
}
