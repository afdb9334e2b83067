/** The end of the process on SIGTERM: bounded as a whole, whatever hangs. Kubernetes gives a pod thirty seconds. */
import { after, type Runtime } from "#core/runtime.ts";
import type { Leadership } from "./leadership.ts";

/** From the signal to the end of the process. */
const endMs = 25_000;
/** Of that, for reconciles that are under way. */
const settleMs = 10_000;

export interface DrainParts {
  readonly runtime: Runtime;
  readonly leadership: Leadership;
}

/** Takes up nothing more, and gives what is under way time to end; then all that acts ends, and only then the Lease is given back. */
export async function drain({ runtime, leadership }: DrainParts): Promise<void> {
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
