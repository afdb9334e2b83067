/** Clocks that stand still until they are moved, for what talks to a real server: time passes only when a test says so. */
import type { Epoch, Instant, Log, LogFields, Runtime, Timer } from "#core/runtime.ts";

interface Entry {
  readonly at: number;
  readonly fire: () => void;
}

export class SteppedRuntime implements Runtime {
  /** What `random()` gives. */
  chance = 0.5;
  readonly lines: { readonly message: string; readonly fields: LogFields | undefined }[] = [];
  readonly log: Log;
  #now = 1_000;
  #ids = 0;
  readonly #timers = new Set<Entry>();
  #watchers: (() => void)[] = [];

  constructor() {
    const write = (message: string, fields?: LogFields): void => {
      this.lines.push({ message, fields });
    };
    this.log = { debug: write, info: write, warn: write, error: write };
  }

  now(): Instant {
    return this.#now as Instant;
  }

  wallNow(): Epoch {
    return (1_767_225_600_000 + this.#now) as Epoch;
  }

  timer(at: Instant, fire: () => void): Timer {
    const timer = { at, fire };
    this.#timers.add(timer);
    for (const look of [...this.#watchers]) look();
    return { cancel: () => void this.#timers.delete(timer) };
  }

  turn(run: () => void): void {
    queueMicrotask(run);
  }

  random(): number {
    return this.chance;
  }

  randomId(bytes: number): string {
    this.#ids += 1;
    return this.#ids.toString(16).padStart(2 * bytes, "0");
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** Fires what is due on the way, in order. */
  pass(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].sort((a, b) => a.at - b.at);
      if (next === undefined || next.at > end) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.fire();
    }
    this.#now = end;
  }

  /** As soon as a timer is set that `fits`, in how many milliseconds it is due. */
  waits(fits: (ms: number) => boolean): Promise<number> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = [...this.#timers].map(({ at }) => at - this.#now).find(fits);
        if (found === undefined) return;
        this.#watchers = this.#watchers.filter((other) => other !== look);
        resolve(found);
      };
      this.#watchers.push(look);
      look();
    });
  }

  /** The wait before something is tried again: any but the deadline of a request and the patience with a watch. */
  pause(belowMs = 200_000): Promise<number> {
    return this.waits((rest) => rest !== 30_000 && rest < belowMs);
  }

  /** Waits for a pause, and lets it pass. */
  async skipPause(belowMs?: number): Promise<number> {
    const ms = await this.pause(belowMs);
    this.pass(ms);
    return ms;
  }
}
