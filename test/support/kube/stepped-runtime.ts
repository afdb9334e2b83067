/** A clock that stands still until it is moved, for what talks to a real server: it keeps what is logged and tells of timers. */
import type { Epoch, Instant, Log, LogFields, Timer } from "#core/runtime.ts";
import { Clock } from "../clock.ts";

export class SteppedRuntime extends Clock {
  /** What `random()` gives. */
  chance = 0.5;
  readonly lines: { readonly message: string; readonly fields: LogFields | undefined }[] = [];
  override readonly log: Log;
  #ids = 0;
  #watchers: (() => void)[] = [];

  constructor() {
    super();
    const write = (message: string, fields?: LogFields): void => {
      this.lines.push({ message, fields });
    };
    this.log = { debug: write, info: write, warn: write, error: write };
  }

  override wallNow(): Epoch {
    return (1_767_225_600_000 + this.now()) as Epoch;
  }

  override timer(at: Instant, fire: () => void): Timer {
    const timer = super.timer(at, fire);
    for (const look of [...this.#watchers]) look();
    return timer;
  }

  override random(): number {
    return this.chance;
  }

  override randomId(bytes: number): string {
    this.#ids += 1;
    return this.#ids.toString(16).padStart(2 * bytes, "0");
  }

  /** As soon as a timer is set that `fits`, in how many milliseconds it is due. */
  waits(fits: (ms: number) => boolean): Promise<number> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = this.dueInMs().find(fits);
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
