/** What is written down of one round: of a set, a line for each of its locks. */
import { parseDurationMs } from "#api/fields/duration.ts";
import type { OfAttempt } from "../history/event.ts";
import type { Ask, AskedBy, Desk, OneLock } from "./desk.ts";

/** A grant, as a sidecar answers it. */
export type GrantBody = Readonly<Record<string, unknown>> & {
  readonly grantId?: string;
  readonly guaranteedFor?: string;
  /** Of one lock. */
  readonly fence?: string;
  /** Of a set. */
  readonly locks?: readonly { readonly lock: string; readonly fence: string }[];
};

export class Story {
  readonly op: string;
  readonly #desk: Desk;
  readonly #attempts: readonly { readonly op: string; readonly lock: string }[];

  /** Says that it is asked. */
  constructor(desk: Desk, ask: Ask, by: Omit<AskedBy, "set">) {
    this.#desk = desk;
    this.op = desk.newOp();
    const isSet = ask.beside !== undefined;
    this.#attempts = locksOf(ask).map(({ lock }, at) => ({
      ...{ lock, op: isSet ? `${this.op}.${at + 1}` : this.op },
    }));
    const { beside: _, mode: _mode, permits: _permits, ...all } = ask;
    for (const [at, one] of locksOf(ask).entries()) {
      const told = { holder: this.op, ...all, ...one };
      desk.asked(this.#opAt(at), told, { ...by, ...(isSet ? { set: this.op } : {}) });
    }
  }

  write(said: OfAttempt): void {
    for (const { op } of this.#attempts) this.#desk.record.write({ ...said, op });
  }

  /** Who tried, or whose wait is over, hears who holds it. */
  held(problem: { readonly pod?: unknown }): void {
    const { pod } = problem;
    this.write({ kind: "held", ...(typeof pod === "string" ? { holderPod: pod } : {}) });
  }

  /** Returns until when it is guaranteed. Of a lock that the grant does not tell of nothing is written. */
  granted(body: GrantBody, sentNs: number): number {
    const guaranteedUntilNs = guaranteeOf(body, sentNs);
    const { grantId = "", locks } = body;
    for (const { op, lock } of this.#attempts) {
      const { fence } = locks === undefined ? body : (locks.find((one) => one.lock === lock) ?? {});
      if (fence === undefined) continue;
      const told = { grantId, fence, sentNs, guaranteedUntilNs };
      this.#desk.record.write({ kind: "granted", op, ...told });
    }
    return guaranteedUntilNs;
  }

  /** Returns until when it is guaranteed. */
  stated(body: GrantBody, sentNs: number): number {
    const guaranteedUntilNs = guaranteeOf(body, sentNs);
    this.write({ kind: "stated", sentNs, guaranteedUntilNs });
    return guaranteedUntilNs;
  }

  /** What nobody may see. */
  wrong(what: string): void {
    this.#desk.record.write({ kind: "wrong", what });
  }

  #opAt(at: number): string {
    return this.#attempts[at]?.op ?? this.op;
  }
}

export function locksOf({ lock, mode, permits, beside = [] }: Ask): readonly OneLock[] {
  const first = {
    lock,
    ...(mode === undefined ? {} : { mode }),
    ...(permits === undefined ? {} : { permits }),
  };
  return [first, ...beside];
}

function guaranteeOf({ guaranteedFor = "0s" }: GrantBody, sentNs: number): number {
  return sentNs + parseDurationMs(guaranteedFor) * 1e6;
}
