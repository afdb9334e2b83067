/**
 * One round by an event stream that the grant lives by: the app asks how it stands as it goes, and hears by the stream of its
 * end. What is over is told by the stream before anybody else is granted it; to close the stream is its release.
 *
 * An app whose guarantee has lapsed relies on nothing, and listens on: so it is seen when it hears of the loss.
 */
import { AssertionError } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";
import { formatDuration } from "#api/fields/duration.ts";
import { EventStream, NoStream, type StreamEvent } from "#test/support/event-stream.ts";
import { nowNs } from "../history/recorder.ts";
import type { Ask, Desk } from "./desk.ts";
import { Story } from "./story.ts";
import { isOver, patienceMs, Wire } from "./wire.ts";

/** Guarantees are asked for anew when so much of them is over. */
const asksAfter = 1 / 3;
const asksNoSoonerMs = 30;
const againAfterMs = 100;
/** So often a sidecar is asked that tells what cannot be, before that is called wrong; each time it had its turn. */
const turnsMax = 30;

export interface StreamRound {
  readonly work: string;
  readonly ask: Ask;
  readonly holdMs: number;
  /** The caller closes its stream after so long, where it still waits. */
  readonly leavesAfterMs?: number;
}

export async function streamRound(desk: Desk, round: StreamRound): Promise<void> {
  const { work, leavesAfterMs } = round;
  const story = new Story(desk, { ...round.ask, hold: "connection" }, { work });
  const wire = new Wire(desk, desk.apiOf(desk.plan.pod));
  const sentNs = nowNs();
  const stream = await opened(wire, story, round.ask);
  if (stream === undefined) return;
  await using closing = stream;
  const granted = await untilGranted(story, closing, leavesAfterMs);
  if (granted === undefined) return;
  const held = { grantId: String(granted["grantId"]), stream: closing };
  const untilNs = story.granted(granted, sentNs);
  await new Holding(wire, story, held).run(round.holdMs, { sentNs, untilNs });
}

/** Undefined: it was refused, or nobody answers. */
async function opened(wire: Wire, story: Story, ask: Ask): Promise<EventStream | undefined> {
  const { lock, waitMs } = ask;
  const fields = { wait: formatDuration(waitMs), hold: "connection", holder: story.op };
  const path = `/v1/locks/${lock}/acquire?${new URLSearchParams(fields).toString()}`;
  const late = new AbortController();
  const timer = setTimeout(() => {
    late.abort(new Error("no answer"));
  }, waitMs + patienceMs);
  try {
    return await EventStream.open(wire.api, "POST", { path, signal: late.signal });
  } catch (error) {
    if (error instanceof NoStream) tellProblem(story, JSON.parse(error.text) as object);
    else story.write({ kind: "unknown", why: "no answer" });
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

async function untilGranted(
  story: Story,
  stream: EventStream,
  leavesAfterMs: number | undefined,
): Promise<StreamEvent["data"] | undefined> {
  let hasLeft = false;
  const leave = (): void => {
    hasLeft = true;
    stream.close();
  };
  const timer = leavesAfterMs === undefined ? undefined : setTimeout(leave, leavesAfterMs);
  try {
    return await grantOf(story, stream, () => hasLeft);
  } finally {
    clearTimeout(timer);
  }
}

async function grantOf(
  story: Story,
  stream: EventStream,
  hasLeft: () => boolean,
): Promise<StreamEvent["data"] | undefined> {
  for (;;) {
    const told = await stream.any().catch((error: unknown) => {
      if (hasLeft()) story.write({ kind: "left" });
      else story.write({ kind: "unknown", why: whyEnded(story, error) });
      return undefined;
    });
    if (told === undefined) return undefined;
    if (told.event === "granted") return told.data;
    if (told.event !== "problem") continue;
    tellProblem(story, told.data);
    return undefined;
  }
}

function tellProblem(story: Story, problem: object): void {
  const code = String((problem as { code?: unknown }).code);
  if (code === "lock_held") story.held(problem);
  else if (["internal", "outcome_unknown"].includes(code))
    story.write({ kind: "unknown", why: code });
  else story.write({ kind: "refused", code });
}

function whyEnded(story: Story, error: unknown): string {
  if (error instanceof AssertionError) story.wrong(error.message);
  return String(error);
}

interface Held {
  readonly grantId: string;
  readonly stream: EventStream;
}

class Holding {
  readonly #wire: Wire;
  readonly #story: Story;
  readonly #held: Held;
  /** What the stream told of its end, or that it ended. */
  #heard: string | undefined;
  #isReleasing = false;

  constructor(wire: Wire, story: Story, held: Held) {
    this.#wire = wire;
    this.#story = story;
    this.#held = held;
  }

  async run(
    holdMs: number,
    { sentNs, untilNs }: { readonly sentNs: number; readonly untilNs: number },
  ): Promise<void> {
    const listening = this.#listen();
    const until = performance.now() + holdMs;
    // It may have waited: the first question begins its guarantee.
    let last = { sentNs, untilNs };
    let nextMs = 0;
    while (this.#heard === undefined && performance.now() < until) {
      await this.#rest(Math.min(nextMs, until - performance.now()));
      if (this.#isStopped) break;
      const told = await this.#ask();
      if (told?.answer.status === 200) {
        const { sentNs: askedNs, answer } = told;
        last = { sentNs: askedNs, untilNs: this.#story.stated(answer.body, askedNs) };
      } else if (isOver(told) && !(await this.#isTold())) break;
      const dueNs = last.sentNs + (last.untilNs - last.sentNs) * asksAfter;
      nextMs = Math.max(asksNoSoonerMs, (dueNs - nowNs()) / 1e6);
    }
    if (this.#heard === undefined) await this.#release();
    else this.#held.stream.close();
    await listening;
  }

  get #isStopped(): boolean {
    return this.#heard !== undefined || this.#wire.desk.stopping.aborted;
  }

  /** Its sidecar told that it is over; so has the stream, by when it is asked again. */
  async #isTold(): Promise<boolean> {
    for (let turns = 0; turns < turnsMax;) {
      const told = await this.#ask();
      if (this.#heard !== undefined) return true;
      if (isOver(told)) this.#story.write({ kind: "untold", sentNs: told?.sentNs ?? nowNs() });
      if (told !== undefined) turns += 1;
      await sleep(againAfterMs);
    }
    this.#story.wrong(`${this.#story.op} is over, and its stream does not tell`);
    return false;
  }

  async #listen(): Promise<void> {
    while (this.#heard === undefined) {
      const told = await this.#held.stream.any().catch((error: unknown) => {
        if (!this.#isReleasing) this.#hear(whyEnded(this.#story, error));
        return undefined;
      });
      if (told === undefined) return;
      const { event, data } = told;
      if (event === "lost") this.#hear(String(data["reason"]));
      else if (event === "released" || event === "problem") this.#hear(event);
    }
  }

  #hear(why: string): void {
    this.#heard = why;
    this.#story.write({ kind: "lost", why });
  }

  async #release(): Promise<void> {
    const { grantId, stream } = this.#held;
    this.#isReleasing = true;
    this.#story.write({ kind: "releasing" });
    stream.close();
    await stream.over;
    for (let turns = 0; turns < turnsMax;) {
      const told = await this.#ask();
      if (isOver(told)) {
        this.#story.write({ kind: "closed" });
        return;
      }
      // A sidecar that is killed comes again, and knows of its former life.
      if (told !== undefined) turns += 1;
      await sleep(againAfterMs);
    }
    // Each of these questions came after the end of the connection.
    this.#story.wrong(`${this.#story.op} closed its stream, and holds ${grantId} still`);
  }

  #ask() {
    return this.#wire.ask("GET", `/v1/grants/${this.#held.grantId}`, { forMs: patienceMs });
  }

  /** So long, until it is stopped, or until the stream tells of the end. */
  async #rest(ms: number): Promise<void> {
    const until = performance.now() + ms;
    while (performance.now() < until && !this.#isStopped)
      await this.#wire.desk.rest(Math.min(againAfterMs, until - performance.now()));
  }
}
