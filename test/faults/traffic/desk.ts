/** What the works of an app share: its sidecar, chance, its record, and when to stop. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Holdfast } from "#client/holdfast.ts";
import type { HoldMode } from "#core/lock/order.ts";
import type { HttpClient } from "#test/support/http-client.ts";
import type { Bounds, Chance } from "#test/support/world/chance.ts";
import type { Recorder } from "../history/recorder.ts";
import type { AppPlan } from "./plan.ts";

export interface OneLock {
  /** Pool and name. */
  readonly lock: string;
  readonly mode?: HoldMode;
  readonly permits?: number;
}

export interface Ask extends OneLock {
  /** Further locks, all or none; by bare HTTP only. */
  readonly beside?: readonly OneLock[];
  readonly waitMs: number;
  readonly hold?: "ttl" | "session" | "connection";
  readonly ttlMs?: number;
  /** Absent: the name of the attempt. */
  readonly holder?: string;
}

export interface DeskParts {
  readonly plan: AppPlan;
  readonly client: Holdfast;
  readonly chance: Chance;
  readonly record: Recorder;
  /** Aborts when no new round may begin, and what is held is to be given back. */
  readonly stopping: AbortSignal;
  /** A client of a sidecar's API. */
  readonly apiOf: (pod: string) => HttpClient;
}

export interface AskedBy {
  readonly work: string;
  /** Whose sidecar; absent: its own. */
  readonly pod?: string;
  /** Together with others. */
  readonly set?: string;
}

export class Desk {
  readonly plan: AppPlan;
  readonly client: Holdfast;
  readonly chance: Chance;
  readonly record: Recorder;
  readonly stopping: AbortSignal;
  readonly apiOf: (pod: string) => HttpClient;
  #ops = 0;

  constructor({ plan, client, chance, record, stopping, apiOf }: DeskParts) {
    this.plan = plan;
    this.client = client;
    this.chance = chance;
    this.record = record;
    this.stopping = stopping;
    this.apiOf = apiOf;
  }

  /** Never the same, in no life of an app. */
  newOp(): string {
    this.#ops += 1;
    return `${this.plan.life}-${this.#ops}`;
  }

  asked(op: string, ask: Ask, { work, pod = this.plan.pod, set }: AskedBy): void {
    const { lock, waitMs, mode = "exclusive", permits = 1, hold = "ttl", holder = op } = ask;
    const about = { lock, mode, permits, waitMs, hold, holder, pod, work };
    this.record.write({ kind: "asked", op, ...about, ...(set === undefined ? {} : { set }) });
  }

  /** So long, or until it is stopped. */
  async rest(ms: number): Promise<void> {
    if (this.stopping.aborted) return;
    await sleep(ms, undefined, { signal: this.stopping }).catch((error: unknown) => {
      if (!this.stopping.aborted) throw error;
    });
  }

  between(bounds: Bounds): number {
    return Math.round(this.chance.between(bounds));
  }

  /** One of so many locks, like `orders/hot-2`. */
  lockOf(stem: string, count: number): string {
    return `${stem}-${this.chance.wholeBetween({ min: 1, max: count })}`;
  }
}
