/**
 * Event streams, as text/event-stream has them: who has one, how much is said to it before it is read, and its end.
 *
 *   begun ─▶ said (the answer begins) ─▶ ended by us, all said
 *     └──────────┴─▶ closed: the caller is gone, or reads nothing (then it is told why, last)
 *
 * What is said before the answer begins waits for it. Every ten seconds a comment is said, so that whoever reads, and whatever
 * stands between, sees that the stream lives.
 */
import { eventsMediaType } from "#api/operations/operation.ts";
import { problemBody } from "#api/operations/problem-body.ts";
import { Refusal } from "#core/refusal.ts";
import { after, type Runtime, type Timer } from "#core/runtime.ts";
import type { Refused } from "#host/http/refused.ts";
import type { Reply } from "#host/http/reply.ts";
import type { Pipe, StreamSource } from "#host/http/stream.ts";

/** Half of the connections that there may be: renewals and releases need some, too. */
export const streamsMax = 8_192;
const beatEveryMs = 10_000;
/** Said before the answer has begun. */
const unsaidMax = 100;

/** Why a stream ended that had more to say. */
export type Closed = "gone" | "slow";

export class Streams {
  readonly #runtime: Runtime;
  readonly #max: number;
  readonly #all = new Set<EventStream>();
  #beating: Timer | undefined;
  #slow = 0;

  constructor(runtime: Runtime, max = streamsMax) {
    this.#runtime = runtime;
    this.#max = max;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Closed by us, for nobody read them. */
  get slow(): number {
    return this.#slow;
  }

  /** @throws Refusal where there are too many */
  begin(): EventStream {
    if (this.#all.size >= this.#max) {
      throw new Refusal(
        "too_many_requests",
        `This sidecar has ${String(this.#max)} event streams, its bound (limit: streams). Close some, or ask without one.`,
        { limit: "streams", max: this.#max },
      );
    }
    const stream = new EventStream((closed) => {
      this.#all.delete(stream);
      if (closed === "slow") this.#slow += 1;
      if (this.#all.size === 0) this.#stopBeating();
    });
    this.#all.add(stream);
    this.#beating ??= this.#beatLater();
    return stream;
  }

  /** All are told why, and end. */
  endAll(refused: Refused): void {
    for (const stream of [...this.#all]) stream.refuse(refused);
  }

  #beatLater(): Timer {
    return this.#runtime.timer(after(this.#runtime.now(), beatEveryMs), () => {
      for (const stream of [...this.#all]) stream.beat();
      this.#beating = this.#all.size === 0 ? undefined : this.#beatLater();
    });
  }

  #stopBeating(): void {
    this.#beating?.cancel();
    this.#beating = undefined;
  }
}

export class EventStream implements StreamSource {
  readonly type = eventsMediaType;
  /** Told when it ends with more to say; see {@link Closed}. */
  onClosed: ((closed: Closed) => void) | undefined;
  readonly #begun = Promise.withResolvers<"begun">();
  readonly #over: (closed: Closed | undefined) => void;
  readonly #unsaid: { readonly text: string; readonly taken: (() => void) | undefined }[] = [];
  #pipe: Pipe | undefined;
  #isOver = false;
  #isSlow = false;

  /** `over`: told once. */
  constructor(over: (closed: Closed | undefined) => void) {
    this.#over = over;
  }

  /** Resolves when something is said. */
  get begun(): Promise<"begun"> {
    return this.#begun.promise;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get reply(): Reply {
    return {
      status: 200,
      stream: this,
      undelivered: () => {
        this.#close("gone");
      },
    };
  }

  /** `taken`: told when the kernel has it. */
  say(event: string, data: object, taken?: () => void): void {
    this.sayText(event, JSON.stringify(data), taken);
  }

  /** JSON on one line. */
  sayText(event: string, json: string, taken?: () => void): void {
    this.#write(`event: ${event}\ndata: ${json}\n\n`, taken);
  }

  beat(): void {
    this.#write(":\n\n");
  }

  /** Says why, and ends. */
  refuse({ code, detail, facts }: Refused): void {
    this.say("problem", problemBody(code, detail, facts));
    this.end();
  }

  /** All is said. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#over(this.#isSlow ? "slow" : undefined);
    this.#pipe?.end();
  }

  open(pipe: Pipe): void {
    this.#pipe = pipe;
    for (const { text, taken } of this.#unsaid.splice(0)) pipe.write(text, taken);
    if (this.#isOver) pipe.end();
  }

  /** Whoever listens may have its own last words. */
  tooSlow(): void {
    if (this.#isSlow) return;
    this.#isSlow = true;
    this.onClosed?.("slow");
    this.refuse(tooSlow);
  }

  #write(text: string, taken?: () => void): void {
    if (this.#isOver) return;
    this.#begun.resolve("begun");
    if (this.#pipe !== undefined) this.#pipe.write(text, taken);
    else if (this.#unsaid.length < unsaidMax || this.#isSlow) this.#unsaid.push({ text, taken });
    else this.tooSlow();
  }

  #close(closed: Closed): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#over(closed);
    this.onClosed?.(closed);
  }
}

const tooSlow = {
  code: "too_many_requests",
  detail:
    "Nobody read this event stream, and what was to be said has reached its bound (limit: unread). Read it as it comes.",
  facts: { limit: "unread" },
} as const satisfies Refused;
