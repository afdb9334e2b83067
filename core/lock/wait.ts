/**
 * Waits for a reason to look again: what keeps my contender waiting may be gone, the spec changes, or so much time has passed
 * that no watch is to be trusted any more. The event is a reason, never the truth: whoever waited looks again.
 */
import { after, sleep, type Instant, type Runtime } from "../runtime.ts";
import { fromNow, type Store } from "../store.ts";
import type { Specs } from "../spec/specs.ts";
import type { Contender } from "./contender.ts";
import type { Line } from "./line.ts";
import type { Stand } from "./marks.ts";
import type { Mine } from "./order.ts";

const lookEveryMs = 30_000;
const followedMax = 16;

export interface WaitParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly mirror: Specs;
}

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

/**
 * `worth`: any of these is waited for; `version`: of the specs that the last look was judged by.
 *
 * @throws the signal's reason
 */
export async function untilWorthALook(
  parts: WaitParts,
  { worth, version }: { readonly worth: readonly Worth[]; readonly version: number },
  signal: AbortSignal,
): Promise<void> {
  const { mirror } = parts;
  signal.throwIfAborted();
  if (mirror.version !== version) return;
  const waiting = new AbortController();
  const either = AbortSignal.any([signal, waiting.signal]);
  try {
    await Promise.race([mirror.nextChange(either), ...reasons(parts, worth, either)]);
  } finally {
    waiting.abort(new Error("no longer waited for"));
  }
  signal.throwIfAborted();
}

function reasons(parts: WaitParts, worth: readonly Worth[], signal: AbortSignal): Promise<void>[] {
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
  { runtime, store }: WaitParts,
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
