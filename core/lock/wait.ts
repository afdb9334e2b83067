/**
 * Waits for a reason to look again: the contender just before mine goes, the spec changes, or so much time has passed that
 * no watch is to be trusted any more. The event is a reason, never the truth: whoever waited looks again.
 */
import { after, sleep, type Runtime } from "../runtime.ts";
import { fromNow, type Store } from "../store.ts";
import type { Specs } from "../spec/specs.ts";
import type { Mine } from "./order.ts";

const lookEveryMs = 30_000;

export interface WaitParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly mirror: Specs;
}

/**
 * `reason`: the contender to watch, and the version of the specs that the last look was judged by.
 *
 * @throws the signal's reason
 */
export async function untilWorthALook(
  parts: WaitParts,
  reason: { readonly contender: Mine; readonly version: number },
  signal: AbortSignal,
): Promise<void> {
  const { runtime, mirror } = parts;
  signal.throwIfAborted();
  if (mirror.version !== reason.version) return;
  const waiting = new AbortController();
  const either = AbortSignal.any([signal, waiting.signal]);
  try {
    await Promise.race([
      untilGone(parts, reason.contender, either),
      mirror.nextChange(either),
      sleep(runtime, lookEveryMs * (0.75 + runtime.random() / 2), either),
    ]);
  } finally {
    waiting.abort(new Error("no longer waited for"));
  }
  signal.throwIfAborted();
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
