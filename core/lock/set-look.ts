/**
 * A deciding read about a set. Being let in is stable, so locks may be judged by reads at different revisions: of one where the
 * set is in already, only whether its place still stands is read.
 */
import type { LookParts } from "./look.ts";
import { contendersIn, readJudged } from "./look.ts";
import type { Contender } from "./contender.ts";
import type { Lock } from "./keys.ts";
import { isSame, standing, type Demand, type Mine } from "./order.ts";
import { rulesServed, type Rules } from "./rules.ts";

export interface Sought {
  readonly lock: Lock;
  readonly demand: Demand;
  readonly place: Mine | undefined;
  /** It was seen to hold. */
  readonly isIn: boolean;
}

export type Found<S> = { readonly of: S } & (
  | { readonly kind: "holds" | "gone" }
  | {
      readonly kind: "waits";
      /** In order. */
      readonly contenders: readonly Contender[];
      readonly before: Contender | undefined;
      readonly rules: Rules;
    }
);

/** One for each that is sought, in order. Undefined: etcd did not answer in time. */
export async function lookAtSet<S extends Sought>(
  parts: LookParts,
  sought: readonly S[],
  signal: AbortSignal,
): Promise<readonly Found<S>[] | undefined> {
  const ranges = sought.map(({ lock, place, isIn }) =>
    isIn && place !== undefined ? { key: place.key, keysOnly: true } : lock.contenders,
  );
  const created = sought.flatMap(({ place }) => (place === undefined ? [] : [place.created]));
  const pools = [...new Set(sought.map(({ lock }) => lock.pool))];
  const seen = await readJudged(parts, { ranges, pools, atLeast: created[0] }, signal);
  if (seen === undefined) return undefined;
  return sought.map((one, index): Found<S> => {
    const { lock, place, isIn } = one;
    const found = seen.ranges[index];
    if (isIn && place !== undefined) {
      const stands = (found?.keys ?? []).some((kv) => isSame(kv, place));
      return { of: one, kind: stands ? "holds" : "gone" };
    }
    const contenders = contendersIn(found);
    const rules = rulesServed(parts.mirror, lock.pool);
    if (place === undefined)
      return { of: one, kind: "waits", contenders, before: undefined, rules };
    const stands = standing(contenders, place, rules.sharing);
    return stands.kind === "waits"
      ? { of: one, kind: "waits", contenders, before: stands.before, rules }
      : { of: one, kind: stands.kind };
  });
}
