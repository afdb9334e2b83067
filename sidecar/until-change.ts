/** Waits for the copy of the spec tree, but not for ever. */
import type { Instant, Runtime } from "#core/runtime.ts";
import type { Specs } from "#core/spec/specs.ts";

export interface ChangeParts {
  readonly runtime: Runtime;
  readonly specs: Pick<Specs, "nextChange">;
}

/** Resolves at the next change of the spec tree, or when it is `until`; rejects with the signal's reason. */
export async function untilChange(
  { runtime, specs }: ChangeParts,
  until: Instant,
  signal: AbortSignal,
): Promise<void> {
  const waiting = new AbortController();
  const late = runtime.timer(until, () => {
    waiting.abort();
  });
  try {
    await specs.nextChange(AbortSignal.any([signal, waiting.signal]));
  } finally {
    late.cancel();
  }
  signal.throwIfAborted();
}
