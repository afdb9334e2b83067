/**
 * Tells an observer who holds a lock as core sees its contenders come and go, and, of a pool whose locks may be kept for a holder
 * that was lost (lockDelay), as a look at the lock shows it: contenders alone do not tell of a delay, and by them the next
 * in order would be told as the holder.
 *
 *   an event of core ─▶ looked at, one after the other ─▶ nobody is lost: told as it is
 *                                     ▲                └─▶ somebody is: told as the look shows it, and looked at again each second
 *                                     └──────────────────────────────────────────────── until nobody is
 *
 * At its beginning it always looks: a marker that stands has a delay of its own, whatever the rules say by now.
 * Where etcd does not answer the look, core tells `unseen` by itself, and the look is made again. Writes nothing.
 */
import { sleep, type Runtime } from "#core/runtime.ts";
import { Refusal } from "#core/refusal.ts";
import type { Tasks } from "#core/tasks.ts";
import type { LockEvent } from "#core/lock/events.ts";
import type { LockView, LostView } from "./lock-views.ts";

const againMs = 1_000;
/** Events that wait for their look: of more the oldest are passed over. */
const eventsMax = 100;

/** What is told: core's events, and who was lost. */
export type SeenEvent =
  | (Exclude<LockEvent, { kind: "unseen" }> & { readonly lost: readonly LostView[] })
  | Extract<LockEvent, { kind: "unseen" }>;

export interface OnlookerParts {
  readonly runtime: Runtime;
  readonly tasks: Tasks;
  readonly told: (event: SeenEvent) => void;
  /** Whether the pool's locks may be kept for somebody who was lost. */
  readonly mayBeKept: () => boolean;
  /** Throws Refusal. */
  readonly look: () => Promise<LockView>;
}

export class LockOnlooker {
  readonly #parts: OnlookerParts;
  readonly #ending = new AbortController();
  #events: LockEvent[] = [];
  #isLooking = false;
  /** What stood when it began, of which the present rules say nothing: a marker has a delay of its own. */
  #hasLooked = false;
  /** Of what was told by a look; undefined: it was told as core said it. */
  #shown: string | undefined;

  constructor(parts: OnlookerParts) {
    this.#parts = parts;
  }

  /** Of core; must not throw, and asks nothing of core in this step. */
  told(event: LockEvent): void {
    const needsLook = !this.#hasLooked || this.#parts.mayBeKept();
    if (!this.#isLooking && (event.kind === "unseen" || !needsLook)) {
      this.#say(event);
      return;
    }
    const { tasks } = this.#parts;
    if (tasks.signal.aborted) return;
    this.#events.push(event);
    if (this.#events.length > eventsMax) this.#events.shift();
    if (this.#isLooking) return;
    this.#isLooking = true;
    tasks.run("looking on at a lock", (signal) =>
      this.#work(AbortSignal.any([signal, this.#ending.signal])),
    );
  }

  end(): void {
    this.#ending.abort(new Error("nobody looks on any more"));
  }

  async #work(signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        if (await this.#isKept(signal)) await sleep(this.#parts.runtime, againMs, signal);
        else if (this.#events.length === 0) break;
      }
    } catch (error) {
      // Its stream was closed, or the process ends: nobody is told any more.
      if (!signal.aborted) throw error;
    } finally {
      this.#isLooking = false;
    }
  }

  /** Takes in what core has said, and looks. Whether somebody is lost, or that is not known: then it looks again. */
  async #isKept(signal: AbortSignal): Promise<boolean> {
    for (;;) {
      const event = this.#events.shift();
      if (event?.kind === "unseen") this.#say(event);
      else {
        const seen = await this.#look();
        signal.throwIfAborted();
        if (seen === "unseen") {
          if (event !== undefined) this.#events.unshift(event);
          return true;
        }
        this.#hasLooked = true;
        const isKept = seen !== "noPool" && seen.lost.length > 0;
        if (seen !== "noPool" && (isKept || event === undefined)) this.#show(seen);
        else if (event !== undefined) this.#say(event);
        if (this.#events.length === 0) return isKept;
      }
    }
  }

  async #look(): Promise<LockView | "unseen" | "noPool"> {
    try {
      return await this.#parts.look();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return error.code === "pool_not_found" ? "noPool" : "unseen";
    }
  }

  #say(event: LockEvent): void {
    this.#shown = undefined;
    this.#parts.told(event.kind === "unseen" ? event : { ...event, lost: [] });
  }

  #show({ holders, lost }: LockView): void {
    const shown = JSON.stringify([holders, lost].map((all) => all.map(({ fence }) => fence)));
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#parts.told(
      holders.length === 0 ? { kind: "vacant", lost } : { kind: "holder", holders, lost },
    );
  }
}
