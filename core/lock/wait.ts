/**
 * Waits for a reason to look again: the contender just before mine goes, the spec changes, or so much time has passed that
 * no watch is to be trusted any more. The event is a reason, never the truth: whoever waited looks again.
 */
import { sleep, type Runtime } from "../runtime.ts";
import type { Key, Revision, Store } from "../store.ts";
import type { SpecMirror } from "../spec/mirror.ts";

const lookEveryMs = 30_000;

export interface WaitParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly mirror: SpecMirror;
}

/**
 * `reason`: the contender to watch, from which revision on, and the version of the specs that the last look was judged by.
 *
 * @throws the signal's reason
 */
export async function untilWorthALook(
  { runtime, store, mirror }: WaitParts,
  reason: { readonly key: Key; readonly from: Revision; readonly version: number },
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  if (mirror.version !== reason.version) return;
  const waiting = new AbortController();
  const either = AbortSignal.any([signal, waiting.signal]);
  try {
    await Promise.race([
      untilDeleted(store, reason, either),
      mirror.nextChange(either),
      sleep(runtime, lookEveryMs * (0.75 + runtime.random() / 2), either),
    ]);
  } finally {
    waiting.abort(new Error("no longer waited for"));
  }
  signal.throwIfAborted();
}

async function untilDeleted(
  store: Store,
  { key, from }: { readonly key: Key; readonly from: Revision },
  signal: AbortSignal,
): Promise<void> {
  for await (const changes of store.watch({ key }, from, signal)) {
    if (changes.kind === "gap") return;
    if (changes.kind === "changes" && changes.events.some((event) => event.kind === "delete"))
      return;
  }
}
