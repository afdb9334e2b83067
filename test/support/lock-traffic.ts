/**
 * Callers that take locks and give them back, over and over, through several sidecars, until they are stopped. What must
 * never happen is checked as it goes: a grant while the guarantee of another one of the same lock runs that was not
 * released, and a fence that is not above all before it.
 */
import assert from "node:assert/strict";
import { parseDurationMs } from "#api/fields/duration.ts";
import { acquire } from "./lock-calls.ts";
import { eventually } from "./poll.ts";
import type { SidecarProcess } from "./sidecar-process.ts";

export interface TrafficPlan {
  readonly locks: readonly string[];
  readonly callers: number;
  /** Of each acquire. */
  readonly wait?: string;
}

interface Held {
  readonly fence: bigint;
  /** On this process's monotonic clock, counted from the sending of the request: so it ends no later than it is stated. */
  guaranteedUntil: number;
}

export interface TrafficSeen {
  /** The codes of all answers that were no grants and not 423. */
  readonly problems: readonly string[];
  readonly fencesByLock: ReadonlyMap<string, readonly bigint[]>;
}

export class LockTraffic {
  readonly #sidecars: readonly SidecarProcess[];
  readonly #plan: TrafficPlan;
  readonly #problems: string[] = [];
  readonly #fences = new Map<string, bigint[]>();
  readonly #held = new Map<string, Held>();
  readonly #callers: Promise<void>[];
  #granted = 0;
  #stopped = false;
  #failed: Error | undefined;

  constructor(sidecars: readonly SidecarProcess[], plan: TrafficPlan) {
    this.#sidecars = sidecars;
    this.#plan = plan;
    this.#callers = Array.from({ length: plan.callers }, (_, at) =>
      this.#call(at).catch((error: unknown) => {
        this.#failed ??= error as Error;
      }),
    );
  }

  /** Until there were so many more. */
  async grants(count: number): Promise<void> {
    const until = this.#granted + count;
    await eventually(`${count} more grants`, () => {
      if (this.#failed !== undefined) return true;
      return this.#granted >= until;
    });
    if (this.#failed !== undefined) throw this.#failed;
  }

  /** Ends when each caller is done with its lock. Throws what a caller found wrong. */
  async stop(): Promise<TrafficSeen> {
    this.#stopped = true;
    await Promise.all(this.#callers);
    if (this.#failed !== undefined) throw this.#failed;
    return { problems: this.#problems, fencesByLock: this.#fences };
  }

  async #call(at: number): Promise<void> {
    const { locks, wait = "10s" } = this.#plan;
    for (let round = at; !this.#stopped && this.#failed === undefined; round++) {
      const sidecar = this.#sidecars[round % this.#sidecars.length];
      const lock = locks[Math.floor(round / this.#sidecars.length) % locks.length];
      assert(sidecar !== undefined && lock !== undefined);
      const askedAt = performance.now();
      const answer = await acquire(sidecar, lock, { wait, ttl: "1m", holder: `caller-${at}` });
      if (answer.status === 200) await this.#use(sidecar, lock, { askedAt, ...answer.body });
      else if (answer.status !== 423) this.#problems.push(String(answer.body["code"]));
    }
  }

  async #use(
    sidecar: SidecarProcess,
    lock: string,
    grant: { readonly askedAt: number; readonly [field: string]: unknown },
  ): Promise<void> {
    this.#granted += 1;
    const fence = BigInt(String(grant["fence"]));
    const fences = this.#fences.get(lock) ?? [];
    const last = fences.at(-1);
    const other = this.#held.get(lock);
    assert(
      other === undefined || other.guaranteedUntil < performance.now(),
      `${lock} was granted with fence ${fence} while the guarantee of ${other?.fence ?? 0n} ran`,
    );
    assert(last === undefined || fence > last, `${lock}: fence ${fence} after ${last ?? 0n}`);
    this.#fences.set(lock, [...fences, fence]);
    const guaranteedMs = parseDurationMs(String(grant["guaranteedFor"]));
    const held: Held = { fence, guaranteedUntil: grant.askedAt + guaranteedMs };
    this.#held.set(lock, held);
    // From its sending on, a release may be done.
    const released = sidecar.api.delete(`/v1/grants/${String(grant["grantId"])}`);
    if (this.#held.get(lock) === held) this.#held.delete(lock);
    const answer = await released;
    if (answer.status !== 204) this.#problems.push(String(answer.body["code"]));
  }
}
