/**
 * Virtual time for any number of simulated processes, from one seed. One thing happens at a time; after it all that
 * follows in promises runs to its end (a turn of the event loop), so the order of things is a function of the seed.
 *
 * World time is the true time, in milliseconds from 0; each process sees it through its own clocks
 * ({@link file://./virtual-runtime.ts VirtualRuntime}).
 */
import { Agenda, type Appointment } from "./agenda.ts";
import { Chance } from "./chance.ts";
import { Journal } from "./journal.ts";
import { VirtualRuntime, type ClockSettings } from "./virtual-runtime.ts";

export class World {
  readonly seed: string;
  /** For what happens to the world (network, faults); each process has its own, so that none disturbs another's. */
  readonly chance: Chance;
  readonly journal: Journal;
  readonly #agenda = new Agenda();
  readonly #names = new Set<string>();
  #nowMs = 0;
  #steps = 0;
  #running = false;

  constructor(seed: string | number) {
    this.seed = String(seed);
    this.chance = new Chance(this.seed);
    this.journal = new Journal(() => this.#nowMs);
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many things have happened. */
  get steps(): number {
    return this.#steps;
  }

  /** A chance of its own for `purpose`: drawing from it leaves all others as they are. */
  chanceFor(purpose: string): Chance {
    return new Chance(`${this.seed}/${purpose}`);
  }

  /** A new process; its name says which numbers it draws, and must be new in this world. */
  runtime(name: string, clocks: Partial<ClockSettings> = {}): VirtualRuntime {
    if (this.#names.has(name)) throw new Error(`process ${name} exists already in this world`);
    this.#names.add(name);
    return new VirtualRuntime(this, name, clocks);
  }

  /** Does something at a world time (now, if that has passed), never from within this call. */
  at(atMs: number, run: () => void): Appointment {
    return this.#agenda.put(Math.max(atMs, this.#nowMs), run);
  }

  in(ms: number, run: () => void): Appointment {
    return this.at(this.#nowMs + ms, run);
  }

  /** Lets all happen that is due up to and with `untilMs`; world time is `untilMs` afterwards. */
  async run(untilMs: number): Promise<void> {
    await this.#loop(untilMs, () => false);
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  async pass(ms: number): Promise<void> {
    await this.run(this.#nowMs + ms);
  }

  /** Lets all happen that is due now; no time passes. */
  async settle(): Promise<void> {
    await this.#loop(this.#nowMs, () => false);
  }

  /** Lets time pass until the promise settles, and hands its result on; throws when `withinMs` pass before that. */
  async until<T>(promise: Promise<T>, withinMs = 3_600_000): Promise<T> {
    let settled = false;
    const mark = () => {
      settled = true;
    };
    promise.then(mark, mark);
    const endMs = this.#nowMs + withinMs;
    await this.#loop(endMs, () => settled);
    if (!settled)
      throw new Error(`nothing more happens by ${String(endMs)} ms: the promise stays open`);
    return promise;
  }

  /** A turn of the event loop after each step: whatever the step set off in promises has then run. */
  #loop(untilMs: number, enough: () => boolean): Promise<void> {
    if (this.#running)
      throw new Error("this world is running already: await the call that runs it");
    this.#running = true;
    return new Promise<void>((resolve, reject) => {
      const turn = (): void => {
        try {
          if (!enough() && this.#step(untilMs)) {
            setImmediate(turn);
            return;
          }
          this.#running = false;
          resolve();
        } catch (error) {
          this.#running = false;
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      setImmediate(turn);
    });
  }

  #step(untilMs: number): boolean {
    const nextMs = this.#agenda.nextAtMs();
    if (nextMs === undefined || nextMs > untilMs) return false;
    const next = this.#agenda.take();
    if (next === undefined) return false;
    this.#nowMs = next.atMs;
    this.#steps++;
    next.run();
    return true;
  }
}
