/**
 * A deciding read about a set. Being let in is stable, so locks may be judged by reads at different revisions: of one where the
 * set is in already, only whether its place still stands is read.
 */
import type { Contender } from "./contender.ts";
import type { Lock } from "./keys.ts";
import { queueIn, queueOf, readJudged } from "./look.ts";
import type { StepParts } from "./step-parts.ts";
import { standingBehind, type Ghost, type Mark, type PoolMarks, type Stand } from "./marks.ts";
import { isSame, type Demand, type Mine } from "./order.ts";
import { rulesServed, type Rules } from "./rules.ts";

export interface Sought {
  readonly lock: Lock;
  readonly demand: Demand;
  readonly pool: { readonly marks: PoolMarks };
  readonly place: Mine | undefined;
  /** It was seen to hold. */
  readonly isIn: boolean;
}

export type Found<S> = { readonly of: S } & (
  | { readonly kind: "gone" }
  /** `spent`: what was lost before it, and counts no more. */
  | { readonly kind: "holds"; readonly spent: readonly Mark[] }
  | {
      readonly kind: "waits";
      /** In order. */
      readonly contenders: readonly Contender[];
      /** What was lost before it, and still counts. */
      readonly ghosts: readonly Ghost[];
      readonly stands: Stand<Contender>;
      readonly rules: Rules;
    }
);

/** One for each that is sought, in order; of those without a place, how it would be. Undefined: etcd did not answer in time. */
export async function lookAtSet<S extends Sought>(
  parts: StepParts,
  sought: readonly S[],
  signal: AbortSignal,
): Promise<readonly Found<S>[] | undefined> {
  const { runtime, mirror } = parts;
  const read = sought.map(({ lock, place, isIn }) =>
    isIn && place !== undefined ? [{ key: place.key, keysOnly: true }] : queueOf(lock),
  );
  const [created] = sought.flatMap(({ place }) => place?.created ?? []);
  const pools = [...new Set(sought.map(({ lock }) => lock.pool))];
  const seen = await readJudged(parts, { ranges: read.flat(), pools, atLeast: created }, signal);
  if (seen === undefined) return undefined;
  let from = 0;
  return sought.map((one, index): Found<S> => {
    const { lock, place, isIn, pool } = one;
    const at = from;
    from += read[index]?.length ?? 0;
    // Throws where its pool is gone, also of one that is let in.
    const rules = rulesServed(mirror, lock.pool);
    if (isIn && place !== undefined) {
      const stands = (seen.ranges[at]?.keys ?? []).some((kv) => isSame(kv, place));
      return stands ? { of: one, kind: "holds", spent: [] } : { of: one, kind: "gone" };
    }
    const queue = queueIn(lock, seen, at);
    const { contenders } = queue;
    const { ghosts, spent } = pool.marks.orphans(lock, queue, runtime.now());
    const stands: Stand<Contender> =
      place === undefined
        ? { kind: "waits", before: undefined }
        : standingBehind(contenders, ghosts, { mine: place, sharing: rules.sharing });
    if (stands.kind === "gone") return { of: one, kind: "gone" };
    if (stands.kind === "holds") return { of: one, kind: "holds", spent };
    return { of: one, kind: "waits", contenders, ghosts, stands, rules };
  });
}
