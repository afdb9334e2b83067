/** Keepalives of one lease over a link; each carries when it was sent, whenever its answer comes. */
import { after, type Timer } from "#core/runtime.ts";
import type { Beat, LeaseId } from "#core/store.ts";
import type { Link } from "./link.ts";
import { Stream } from "./stream.ts";

interface Beating {
  readonly lease: LeaseId;
  readonly everyMs: number;
  readonly signal: AbortSignal;
}

export async function* keepAlive(
  link: Link,
  { lease, everyMs, signal }: Beating,
): AsyncGenerator<Beat, void, undefined> {
  if (signal.aborted) return;
  const beats = new Stream<Beat>("keepalive");
  let next: Timer | undefined;
  const beat = (): void => {
    const sentAt = link.client.now();
    next = link.client.timer(after(sentAt, everyMs), beat);
    link.call<number | undefined>({
      kind: "renew",
      atServer: (server, answer) => server.renew(lease, answer),
      heard: (outcome) => {
        if (outcome.kind !== "done") return;
        if (outcome.value === undefined) {
          beats.push({ kind: "gone" });
          beats.end();
        } else beats.push({ kind: "alive", sentAt, ttlMs: outcome.value, at: outcome.at });
      },
    });
  };
  const leave = (): void => beats.abandon();
  signal.addEventListener("abort", leave, { once: true });
  try {
    beat();
    yield* beats.items();
  } finally {
    next?.cancel();
    beats.abandon();
    signal.removeEventListener("abort", leave);
  }
}
