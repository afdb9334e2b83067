/**
 * The fence base of an etcd that was restored, raised as its owner raises it (core/spec/base.ts), before anybody can be
 * granted anything: a sidecar that has seen little cannot tell that the base is an old one.
 *
 * A bump of the revision shifts all fences, and so the clock that they begin at is shifted as far: after another restore of the
 * same snapshot they would begin where they began the first time, and below the bases that were raised since the snapshot.
 */
import type { Epoch } from "#core/runtime.ts";
import { raiseBase } from "#core/spec/base.ts";
import { clearingAnew, strangeInstallation } from "#core/spec/duty.ts";
import { installationKey } from "#core/spec/keys.ts";
import { readInstallation, type Installation } from "#core/spec/records.ts";
import type { Revision, Store } from "#core/store.ts";
import type { Runtime } from "#core/runtime.ts";
import { look, valueOf, waitFor } from "./keys.ts";
import { NotRestored } from "./plan.ts";

/** The sum of base and revision runs with the wall clock, in tenths of a millisecond. */
const sumsPerMs = 10;

export interface Beginning {
  readonly installation: Pick<Installation, "base">;
  /** Of the restored etcd, with the bump. */
  readonly revision: Revision;
  readonly bump: number | undefined;
  readonly wallNow: Epoch;
}

/**
 * The clock that the base is raised by. Throws NotRestored where it cannot tell that fences go on above those that were given
 * after the snapshot: it is behind those that were given before.
 */
export function clockFor({ installation, revision, bump, wallNow }: Beginning): Epoch {
  const aheadMs = Number(installation.base + revision) / sumsPerMs - wallNow;
  if (bump === undefined && aheadMs > 0)
    throw new NotRestored(
      `--bump-revision is missing: the fences in this snapshot run ${Math.ceil(aheadMs / 60_000)} minutes ahead of this machine's clock (${new Date(wallNow).toISOString()}), which so cannot tell how far they had come since. Set the clock if it is wrong. If this etcd was restored with a bump before, give --bump-revision, no smaller than then, and --mark-compacted.`,
    );
  return (wallNow + Math.ceil((bump ?? 0) / sumsPerMs)) as Epoch;
}

export interface Raised {
  readonly owner: string;
  readonly was: bigint;
  readonly base: bigint;
  /** Until when fences run ahead of the clock, so that it alone could not tell what is above them. Undefined: they do not. */
  readonly aheadUntil: Epoch | undefined;
}

/** Undefined: there is none to raise, and who begins to own the tree makes one. */
export async function raise(
  store: Store,
  { runtime, bump }: { readonly runtime: Runtime; readonly bump: number | undefined },
  signal: AbortSignal,
): Promise<Raised | undefined> {
  const read = await store.read([{ key: installationKey }], waitFor(runtime, signal));
  const { revision, ranges } = valueOf(read, "be read");
  const there = ranges[0]?.keys[0];
  if (there === undefined || read.kind !== "done") return undefined;
  const was = readInstallation(there);
  if (was === undefined)
    throw new NotRestored(
      `--snapshot: ${strangeInstallation}. Restore with the Holdfast that wrote it, or another snapshot.`,
    );
  const wallNow = runtime.wallNow();
  const { write, installation } = raiseBase(there, was.owner, {
    ...{ cluster: read.at.cluster, revision, highest: revision, highestBase: was.base },
    wallNow: clockFor({ installation: was, revision, bump, wallNow }),
  });
  if (!valueOf(await store.write(write), "take the fence base").held)
    throw new NotRestored("Somebody else wrote the fence base meanwhile. Try again.");
  const sum = Number(installation.base + revision);
  return {
    ...{ owner: was.owner, was: was.base, base: installation.base },
    aheadUntil: sum > wallNow * sumsPerMs + 1 ? ((sum / sumsPerMs) as Epoch) : undefined,
  };
}

/** After the base was raised: a beginning that somebody had told of before the snapshot is over, too. */
export async function clearAnew(
  store: Store,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<number> {
  const { anew } = await look(store, runtime, signal);
  for (const kv of anew) valueOf(await store.write(clearingAnew(kv)), "delete a key");
  return anew.length;
}
