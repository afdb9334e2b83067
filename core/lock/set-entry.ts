/**
 * Takes a place in the queue of each lock of a set, all in one write, so that all have one create revision: every queue orders
 * requests by that one number, each waits only for smaller ones, and no circle of sets can form. Alone in all, it holds them.
 *
 * Assumes and writes as {@link file://./enter.ts an entry} does, once for each lock: all of it or nothing.
 * Lost answer: settled by the session. One write makes all places or none, so what is found without the others (somebody took
 * those away) is removed, too.
 */
import { assert } from "../refusal.ts";
import type { Runtime } from "../runtime.ts";
import type { Session } from "../session/session.ts";
import type { Specs } from "../spec/specs.ts";
import type { Fact, Key, Op, Revision, Store } from "../store.ts";
import { encodeContender, type ContenderValue } from "./contender.ts";
import { isAlone, notEntered, type NotEntered } from "./enter.ts";
import { contenderKey, type Lock } from "./keys.ts";
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
  const given = factsOf(mirror, wanted);
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
  const then = wanted.flatMap(({ lock }, index): Op[] => {
    const one = made[index];
    assert(one !== undefined, "a lock of a set has no place");
    const { key, end } = lock.contenders;
    return [
      { kind: "putEphemeral", key: one.key, value: encodeContender(one.value), lease },
      { kind: "list", range: { key, end, limit: 2, keysOnly: true } },
    ];
  });
  for (const { key } of made) session.know(key);
  const outcome = await store.write({
    given: [session.holds(), ...given],
    when: [],
    then,
    otherwise: [],
  });
  switch (outcome.kind) {
    case "done": {
      const { results } = outcome.value;
      const places = placed(outcome.at.revision);
      const alone = places.every((place, index) => isAlone(results[2 * index + 1], place));
      if (alone) for (const place of places) place.base = installation.base;
      return { kind: "placed", places, alone };
    }
    case "refused":
      for (const { key } of made) session.forget(key);
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
function factsOf(mirror: Specs, wanted: readonly Wanted[]): readonly Fact[] | undefined {
  const facts = new Map<Key, Fact>();
  for (const { lock } of wanted) {
    const ofPool = mirror.factsFor(mirror.pool(lock.pool));
    if (ofPool === undefined) return undefined;
    for (const fact of ofPool) facts.set(fact.key, fact);
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
