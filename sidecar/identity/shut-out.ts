/**
 * An etcd that lets a sidecar in no more, though its certificate is good: its authority was replaced, or it stands elsewhere by
 * now. By its own time the identity would be renewed in hours; so the next one is asked for when etcd was not reached for a
 * while. An etcd that is only away looks the same, so it is asked seldom, and ever more seldom.
 */
import { after, sleep, type Instant, type Runtime } from "#core/runtime.ts";

export interface ShutOutParts {
  readonly runtime: Runtime;
  readonly isReachable: () => boolean;
  readonly ask: () => void;
}

const lookEveryMs = 1_000;
/** Longer than a restart of etcd takes, half of it at least. */
const firstMs = 30_000;
const mostMs = 600_000;

/** Until the signal aborts, with whose reason it rejects. */
export async function askWhenShutOut(parts: ShutOutParts, signal: AbortSignal): Promise<void> {
  const { runtime, isReachable, ask } = parts;
  let asked = 0;
  let askAt: Instant | undefined;
  for (;;) {
    await sleep(runtime, lookEveryMs, signal);
    const now = runtime.now();
    if (isReachable()) {
      asked = 0;
      askAt = undefined;
    } else if (askAt === undefined || now >= askAt) {
      if (askAt !== undefined) {
        ask();
        asked += 1;
      }
      const waitMs = Math.min(firstMs * 2 ** Math.min(asked, 10), mostMs);
      askAt = after(now, waitMs * (0.5 + runtime.random()));
    }
  }
}
