/**
 * One simulated process: a {@link Runtime} whose clocks are functions of the world's time, and which can be stopped.
 *
 * | state     | timers and deliveries         | monotonic clock | wall clock | left by          |
 * | --------- | ----------------------------- | --------------- | ---------- | ---------------- |
 * | running   | as due                        | goes on         | goes on    | –                |
 * | paused    | wait, come late after resume  | goes on         | goes on    | resume(), kill() |
 * | suspended | wait, come late after resume  | stands still    | goes on    | resume(), kill() |
 * | killed    | never again                   | stands still    | goes on    | –                |
 *
 * Only the world changes the state, between two steps; so nothing of the process is half-way when it stops. What
 * reaches a process from outside (answers, events, calls) comes through {@link VirtualRuntime.deliver}.
 */
import type { Epoch, Instant, Log, Runtime, Timer } from "#core/runtime.ts";
import type { Appointment } from "./agenda.ts";
import type { Chance } from "./chance.ts";
import type { World } from "./world.ts";

export interface ClockSettings {
  /** What the monotonic clock shows at world time 0. */
  readonly monotonicOffsetMs: number;
  /** How far the wall clock is ahead of the true one at world time 0. */
  readonly wallOffsetMs: number;
  /** Milliseconds of the clock in a true millisecond. */
  readonly monotonicRate: number;
  readonly wallRate: number;
}

export type ProcessState = "running" | "paused" | "suspended" | "killed";

/** 2026-01-01T00:00:00Z: the wall clock at world time 0. */
const worldEpochMs = 1_767_225_600_000;
const monotonicOffsetMaxMs = 1_000_000;
/** What waits for a stopped process; a real one's socket buffers would be full long before. */
const heldMax = 100_000;

class Clock {
  #fromMs: number;
  #shown: number;
  #rate: number;

  constructor(fromMs: number, shown: number, rate: number) {
    this.#fromMs = fromMs;
    this.#shown = shown;
    this.#rate = rate;
  }

  at(worldMs: number): number {
    return this.#shown + (worldMs - this.#fromMs) * this.#rate;
  }

  set(worldMs: number, change: { readonly rate?: number; readonly aheadMs?: number }): void {
    this.#shown = this.at(worldMs) + (change.aheadMs ?? 0);
    this.#fromMs = worldMs;
    this.#rate = change.rate ?? this.#rate;
  }

  /** The first world time at which it shows `shown` or more; never: infinity. */
  reaches(shown: number): number {
    if (this.#rate === 0) return Number.POSITIVE_INFINITY;
    let worldMs = this.#fromMs + (shown - this.#shown) / this.#rate;
    // Rounding may land a hair before it; a timer must not fire early.
    while (Number.isFinite(worldMs) && this.at(worldMs) < shown) worldMs += 1 / 1024;
    return worldMs;
  }
}

class VirtualTimer implements Timer {
  readonly at: Instant;
  fire: (() => void) | undefined;
  appointment: Appointment | undefined;
  readonly #owner: Set<VirtualTimer>;

  constructor(at: Instant, fire: () => void, owner: Set<VirtualTimer>) {
    this.at = at;
    this.fire = fire;
    this.#owner = owner;
    owner.add(this);
  }

  cancel(): void {
    this.fire = undefined;
    this.appointment?.cancel();
    this.#owner.delete(this);
  }
}

export class VirtualRuntime implements Runtime {
  readonly name: string;
  readonly world: World;
  readonly chance: Chance;
  readonly log: Log;
  readonly #monotonic: Clock;
  readonly #wall: Clock;
  readonly #timers = new Set<VirtualTimer>();
  #monotonicRate: number;
  #state: ProcessState = "running";
  /** Deliveries that came while the process was stopped. */
  #held: (() => void)[] = [];
  /** Held deliveries that are under way after a resume: what comes now must not overtake them. */
  #backlog = 0;

  constructor(world: World, name: string, clocks: Partial<ClockSettings>) {
    this.world = world;
    this.name = name;
    this.chance = world.chanceFor(`process/${name}`);
    this.log = world.journal.log(name);
    const offsetMs = this.chance.wholeBetween({ min: 1, max: monotonicOffsetMaxMs });
    this.#monotonicRate = clocks.monotonicRate ?? 1;
    this.#monotonic = new Clock(0, clocks.monotonicOffsetMs ?? offsetMs, this.#monotonicRate);
    this.#wall = new Clock(0, worldEpochMs + (clocks.wallOffsetMs ?? 0), clocks.wallRate ?? 1);
  }

  get state(): ProcessState {
    return this.#state;
  }

  now(): Instant {
    return this.#monotonic.at(this.world.nowMs) as Instant;
  }

  wallNow(): Epoch {
    return Math.floor(this.#wall.at(this.world.nowMs)) as Epoch;
  }

  timer(atInstant: Instant, fire: () => void): Timer {
    const timer = new VirtualTimer(atInstant, fire, this.#timers);
    if (this.#state === "killed") timer.cancel();
    else this.#schedule(timer);
    return timer;
  }

  /** What comes in comes one thing a step: at the end of the step all of it is taken in. */
  turn(run: () => void): void {
    queueMicrotask(run);
  }

  random(): number {
    return this.chance.fraction();
  }

  randomId(bytes: number): string {
    return this.chance.hex(bytes);
  }

  /** Lets something reach the process: at once when it runs, after its resume when it is stopped, never when it is killed. */
  deliver(run: () => void): void {
    if (this.#state === "killed") return;
    if (this.#state !== "running" || this.#backlog > 0) {
      if (this.#held.length >= heldMax)
        throw new Error(
          `${this.name} is stopped and more than ${String(heldMax)} things wait for it`,
        );
      this.#held.push(run);
    } else run();
  }

  /** As SIGSTOP. */
  pause(): void {
    this.#stop("paused");
  }

  /** The machine sleeps: the monotonic clock stands still. */
  suspend(): void {
    this.#stop("suspended");
    this.#monotonic.set(this.world.nowMs, { rate: 0 });
    this.#scheduleAll();
  }

  resume(): void {
    if (this.#state !== "paused" && this.#state !== "suspended") return;
    if (this.#state === "suspended")
      this.#monotonic.set(this.world.nowMs, { rate: this.#monotonicRate });
    this.#state = "running";
    // A woken process may look at its timers or at its sockets first.
    const timersFirst = this.chance.happens(0.5);
    if (timersFirst) this.#scheduleAll();
    this.#releaseHeld();
    if (!timersFirst) this.#scheduleAll();
  }

  /** As SIGKILL. What it sent before may still take effect. */
  kill(): void {
    if (this.#state === "killed") return;
    if (this.#state !== "suspended") this.#monotonic.set(this.world.nowMs, { rate: 0 });
    this.#state = "killed";
    for (const timer of [...this.#timers]) timer.cancel();
    this.#held = [];
  }

  setMonotonicRate(rate: number): void {
    this.#monotonicRate = rate;
    if (this.#state === "suspended" || this.#state === "killed") return;
    this.#monotonic.set(this.world.nowMs, { rate });
    this.#scheduleAll();
  }

  setWallRate(rate: number): void {
    this.#wall.set(this.world.nowMs, { rate });
  }

  /** Somebody sets the wall clock. */
  jumpWall(aheadMs: number): void {
    this.#wall.set(this.world.nowMs, { aheadMs });
  }

  #stop(state: "paused" | "suspended"): void {
    if (this.#state !== "running")
      throw new Error(`${this.name} is ${this.#state}, so it cannot be ${state}`);
    this.#state = state;
  }

  #schedule(timer: VirtualTimer): void {
    timer.appointment?.cancel();
    const atMs = this.#monotonic.reaches(timer.at);
    if (!Number.isFinite(atMs)) return;
    timer.appointment = this.world.at(atMs, () => this.#due(timer));
  }

  /** In the order in which they are due, so that those due together keep it. */
  #scheduleAll(): void {
    for (const timer of [...this.#timers].sort((a, b) => a.at - b.at)) this.#schedule(timer);
  }

  #due(timer: VirtualTimer): void {
    // A stopped process keeps its timer; resume() schedules it anew.
    if (this.#state !== "running") return;
    const fire = timer.fire;
    timer.cancel();
    fire?.();
  }

  /** One at a time, each a step of its own. A pause in between holds the rest again. */
  #releaseHeld(): void {
    if (this.#held.length === 0 || this.#backlog > 0) return;
    this.#backlog = 1;
    this.world.at(this.world.nowMs, () => {
      this.#backlog = 0;
      if (this.#state !== "running") return;
      const run = this.#held.shift();
      // Before it runs: what it causes to be delivered queues up behind what waits already.
      this.#releaseHeld();
      run?.();
    });
  }
}
