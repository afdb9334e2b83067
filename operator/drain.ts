/** The end of the process on SIGTERM: bounded as a whole, whatever hangs. Kubernetes gives a pod thirty seconds. */
import { after, sleep, type Runtime } from "#core/runtime.ts";
import type { Leadership } from "./leadership.ts";

/** From the signal to the end of the process. */
const endMs = 25_000;
/** Of that, for reconciles that are under way. */
const settleMs = 10_000;

export interface DrainParts {
  readonly runtime: Runtime;
  readonly leadership: Leadership;
  /** What others call. */
  readonly doors: readonly { drain(): void }[];
  readonly lingerMs: number;
}

/**
 * First all goes on as before, for those who still come: a Service leads to a pod that ends until the last node has heard
 * of it. Then nothing more is taken up, and what is under way gets time to end; then all that acts ends, and only then the
 * Lease is given back.
 */
export async function drain(parts: DrainParts): Promise<void> {
  const { runtime, leadership, doors, lingerMs } = parts;
  for (const door of doors) door.drain();
  if (lingerMs > 0) await sleep(runtime, lingerMs);
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = runtime.timer(after(runtime.now(), settleMs), resolve);
  await Promise.race([leadership.drain(), promise]);
  timer.cancel();
}

/** Ends the process where its parts do not close in time. The Lease then runs out by itself. */
export function endInTime(runtime: Runtime): void {
  setTimeout(() => {
    runtime.log.warn("not all could be closed in time; the process ends all the same");
    process.exit(0);
  }, endMs).unref();
}
