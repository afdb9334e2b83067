/**
 * Waits for a reason to look again: what keeps my contender waiting may be gone, the spec changes, or so much time has passed
 * that no watch is to be trusted any more. The event is a reason, never the truth: whoever waited looks again.
 */
import { after, sleep, type Instant } from "../runtime.ts";
import { fromNow } from "../store.ts";
import { distributedLockKind } from "../spec/records.ts";
import type { Specs } from "../spec/specs.ts";
import type { Contender } from "./contender.ts";
import type { LockName } from "./keys.ts";
import type { Line } from "./line.ts";
import type { Stand } from "./marks.ts";
import type { Mine } from "./order.ts";
import type { StepParts } from "./step-parts.ts";

const lookEveryMs = 30_000;
const followedMax = 16;

export type Worth =
  /** That this contender goes. */
  | { readonly gone: Mine }
  /** That the delay after a loss is over. */
  | { readonly at: Instant }
  /** That the lock's contenders, as a watch tells them, let mine in, or that the one before it goes: a note may be due then. */
  | { readonly letIn: Mine; readonly line: Line; readonly before: Mine | undefined };

interface OfLock {
  readonly line?: Line | undefined;
  readonly contenders: readonly unknown[];
}

/**
 * What keeps a place from holding: what was lost, the one before it, any of its line; else that nothing is granted now.
 *
 * Few contenders are followed by all who wait, and the watch goes on from turn to turn; of many each hears of the one before
 * it only, or each turn would be told to all.
 */
export function worthALook(
  place: Mine,
  stand: Stand<Contender>,
  { line, contenders }: OfLock,
): Worth {
  if (stand.kind === "delayed") return { at: stand.by.until };
  if (stand.kind !== "waits") return { gone: place };
  const before = stand.before && { key: stand.before.key, created: stand.before.createRevision };
  if (line !== undefined && (before === undefined || contenders.length <= followedMax))
    return { letIn: place, line, before };
  return { gone: before ?? place };
}

/** Of the specs what a look at locks of these pools is judged by, as text: as long as it is the same, so is what the look says. */
function judgedBy(specs: Specs, pools: readonly string[]): string {
  const { isReady, installation, anew } = specs;
  const records = pools.map((pool) => specs.record(distributedLockKind, pool));
  return [
    isReady,
    ...[installation, anew, ...records].map((one) => one?.modRevision ?? "none"),
  ].join(" ");
}

export interface Judged {
  /** Empty, of a role: it has none. */
  readonly pools: readonly string[];
  readonly by: string;
}

/** How it is now, for a look at locks of these pools. */
export function judgedNow(specs: Specs, of: readonly { readonly lock: LockName }[]): Judged {
  const pools = of.map(({ lock }) => lock.pool);
  return { pools, by: judgedBy(specs, pools) };
}

/**
 * `worth`: any of these is waited for.
 *
 * @throws the signal's reason
 */
export async function untilWorthALook(
  parts: StepParts,
  { worth, judged }: { readonly worth: readonly Worth[]; readonly judged: Judged },
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  if (judgedBy(parts.mirror, judged.pools) !== judged.by) return;
  const waiting = new AbortController();
  const either = AbortSignal.any([signal, waiting.signal]);
  try {
    const otherwise = untilJudgedOtherwise(parts.mirror, judged, either);
    await Promise.race([otherwise, ...reasons(parts, worth, either)]);
  } finally {
    waiting.abort(new Error("no longer waited for"));
  }
  signal.throwIfAborted();
}

async function untilJudgedOtherwise(
  specs: Specs,
  { pools, by }: Judged,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted && judgedBy(specs, pools) === by) await specs.nextChange(signal);
}

function reasons(parts: StepParts, worth: readonly Worth[], signal: AbortSignal): Promise<void>[] {
  const { runtime } = parts;
  const each = worth.map((one) => {
    if ("line" in one) return one.line.until(one.letIn, one.before, signal);
    if ("at" in one) return sleep(runtime, Math.max(0, one.at - runtime.now()), signal);
    return untilGone(parts, one.gone, signal);
  });
  // A line reads all anew so often: who waits in lines alone, and tells nobody of it, need not.
  if (worth.every((one) => "line" in one && one.before === undefined)) return each;
  return [...each, sleep(runtime, lookEveryMs * (0.75 + runtime.random() / 2), signal)];
}

/** The watch begins, then the key is read once: between its last look and the watch nothing may have been missed. */
async function untilGone(
  { runtime, store }: StepParts,
  { key, created }: Mine,
  signal: AbortSignal,
): Promise<void> {
  let watching = false;
  for await (const changes of store.watch({ key }, fromNow, signal)) {
    if (!watching) {
      watching = true;
      const wait = { signal, deadline: after(runtime.now(), lookEveryMs) };
      const read = await store.read([{ key, keysOnly: true }], wait);
      if (read.kind !== "done" || read.value.ranges[0]?.keys[0]?.createRevision !== created) return;
    }
    if (changes.kind === "gap") return;
    if (changes.kind === "changes" && changes.events.some((event) => event.kind === "delete"))
      return;
  }
}
