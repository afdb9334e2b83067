/**
 * A watch over a link, as the real client keeps it: it knows the revision it has reached, asks for progress while it
 * hears nothing, opens anew from there when its connection ends, and ends only with its signal or a gap.
 */
import { after, type Timer } from "#core/runtime.ts";
import { revision, type Changes, type KeyRange, type Revision } from "#core/store.ts";
import type { Told, Watching } from "./history.ts";
import type { Link } from "./link.ts";
import { Stream } from "./stream.ts";

interface Watched {
  readonly range: KeyRange;
  readonly from: Revision;
  readonly signal: AbortSignal;
}

const progressEveryMs = 5_000;
const reopenAfterMs = 100;

export async function* watch(
  link: Link,
  watched: Watched,
): AsyncGenerator<Changes, void, undefined> {
  if (watched.signal.aborted) return;
  const watching = new LinkWatch(link, watched);
  const leave = (): void => watching.close();
  watched.signal.addEventListener("abort", leave, { once: true });
  try {
    yield* watching.changes.items();
  } finally {
    watching.close();
    watched.signal.removeEventListener("abort", leave);
  }
}

class LinkWatch {
  readonly changes = new Stream<Changes>("watch");
  readonly #link: Link;
  readonly #range: KeyRange;
  /** The first revision that has not been told yet. */
  #next: Revision;
  #watching: Watching | undefined;
  #timer: Timer | undefined;

  constructor(link: Link, { range, from }: Watched) {
    this.#link = link;
    this.#range = range;
    this.#next = from;
    this.#open();
  }

  close(): void {
    this.#stop();
    this.changes.abandon();
  }

  #open(): void {
    this.#watching = this.#link.watch({
      range: this.#range,
      from: this.#next,
      heard: (told) => this.#hear(told),
    });
    this.#askLater();
  }

  #askLater(): void {
    const { client } = this.#link;
    this.#timer = client.timer(after(client.now(), progressEveryMs), () => {
      this.#watching?.progress();
      this.#askLater();
    });
  }

  #hear(told: Told): void {
    if (this.changes.ended) return;
    switch (told.kind) {
      case "changes":
        this.#next = revision(told.at.revision + 1n);
        this.changes.push(told);
        break;
      case "progress":
        // Progress of a server that has less than was told already moves nothing back.
        if (told.at.revision >= this.#next) this.#next = revision(told.at.revision + 1n);
        this.changes.push(told);
        break;
      case "compacted":
        this.changes.push({ kind: "gap", compacted: told.compacted });
        this.changes.end();
        this.#stop();
        break;
      case "broken":
        this.#reopenLater();
        break;
      default:
        told satisfies never;
    }
  }

  /** No more is asked or opened; what was heard is still iterated over. */
  #stop(): void {
    this.#timer?.cancel();
    this.#watching?.cancel();
  }

  #reopenLater(): void {
    const { client } = this.#link;
    this.#timer?.cancel();
    this.#timer = client.timer(after(client.now(), reopenAfterMs), () => this.#open());
  }
}
