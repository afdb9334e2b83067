/**
 * One round by bare HTTP, as an app without a client does it: the answer to each question is written down with when it was
 * sent. What gets no answer is asked again with the same request id, some times; then it is unknown.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { AssertionError } from "node:assert";
import { formatDuration, parseDurationMs } from "#api/fields/duration.ts";
import type { Answer, HttpClient } from "#test/support/http-client.ts";
import { nowNs } from "../history/recorder.ts";
import type { Ask, Desk } from "./desk.ts";

const triesMax = 4;
/** Beyond its wait; a sidecar that stands still answers when it goes on. */
const patienceMs = 12_000;
const againAfterMs = 300;
const soonMs = 50;
/** Guarantees are asked for anew when so much of them is over. */
const renewsAfter = 1 / 3;
const renewsNoSoonerNs = 30e6;

export interface RawRound {
  readonly work: string;
  readonly ask: Ask;
  readonly holdMs: number;
  /** Whose sidecar is asked; absent: its own. */
  readonly pod?: string;
  /** The caller leaves after so long. */
  readonly leavesAfterMs?: number;
  /** It neither renews nor gives back. */
  readonly isForgotten?: boolean;
}

/** What became of a round, for works that go on from it. */
export type Ended = "released" | "held" | "other";

export async function rawRound(desk: Desk, round: RawRound): Promise<Ended> {
  const { pod = desk.plan.pod } = round;
  const wire = new Wire(desk, desk.apiOf(pod));
  const op = desk.newOp();
  desk.asked(op, round.ask, { work: round.work, pod });
  const held = await acquire(wire, op, round);
  if (held.kind !== "granted") return held.kind;
  if (round.isForgotten === true) return "other";
  return keep(wire, { op, ...held, holdMs: round.holdMs });
}

interface Told {
  readonly sentNs: number;
  readonly answer: Answer;
}

/** A question to a sidecar; undefined: no answer came. */
class Wire {
  readonly desk: Desk;
  readonly #api: HttpClient;

  constructor(desk: Desk, api: HttpClient) {
    this.desk = desk;
    this.#api = api;
  }

  async ask(
    method: string,
    path: string,
    { body, forMs, leave }: { body?: object; forMs: number; leave?: AbortSignal | undefined },
  ): Promise<Told | undefined> {
    const late = AbortSignal.timeout(Math.ceil(forMs));
    const signal = leave === undefined ? late : AbortSignal.any([late, leave]);
    const sentNs = nowNs();
    try {
      const sent = { signal, ...(body === undefined ? {} : { body }) };
      return { sentNs, answer: await this.#api.call(method, path, sent) };
    } catch (error) {
      if (error instanceof AssertionError)
        this.desk.record.write({ kind: "wrong", what: error.message });
      return undefined;
    }
  }
}

type Acquired =
  | {
      readonly kind: "granted";
      readonly grantId: string;
      readonly untilNs: number;
      readonly sentNs: number;
    }
  | { readonly kind: "held" | "other" };

async function acquire(wire: Wire, op: string, round: RawRound): Promise<Acquired> {
  const { desk } = wire;
  const { record } = desk;
  const { ask, leavesAfterMs } = round;
  const leave = leavesAfterMs === undefined ? undefined : AbortSignal.timeout(leavesAfterMs);
  const path = `/v1/locks/${ask.lock}/acquire`;
  const until = performance.now() + ask.waitMs;
  for (let tries = 1; ; tries++) {
    const restMs = Math.max(0, Math.round(until - performance.now()));
    const body = bodyOf(op, ask, tries === 1 ? ask.waitMs : restMs);
    const told = await wire.ask("POST", path, { body, forMs: restMs + patienceMs, leave });
    if (leave?.aborted === true && told === undefined) {
      record.write({ kind: "left", op });
      return { kind: "other" };
    }
    const isKnown = told !== undefined && told.answer.status !== 504;
    if (isKnown) return settled(wire, op, told);
    if (tries === triesMax || desk.stopping.aborted) {
      record.write({ kind: "unknown", op, why: told === undefined ? "no answer" : "504" });
      return { kind: "other" };
    }
    await desk.rest(againAfterMs);
    record.write({ kind: "askedAgain", op });
  }
}

function bodyOf(op: string, ask: Ask, waitMs: number): object {
  const { mode, permits, hold, ttlMs, holder = op } = ask;
  return {
    ...{ wait: formatDuration(waitMs), requestId: op, holder },
    ...(mode === undefined ? {} : { mode }),
    ...(permits === undefined ? {} : { permits }),
    ...(hold === undefined ? {} : { hold }),
    ...(ttlMs === undefined ? {} : { ttl: formatDuration(ttlMs) }),
  };
}

function settled({ desk: { record } }: Wire, op: string, { answer, sentNs }: Told): Acquired {
  const { status, body } = answer;
  if (status === 200) {
    const { grantId, fence, guaranteedFor } = body as Record<string, string>;
    const untilNs = endOf(sentNs, guaranteedFor);
    const granted = { grantId: String(grantId), fence: String(fence) };
    record.write({ kind: "granted", op, ...granted, sentNs, guaranteedUntilNs: untilNs });
    return { kind: "granted", grantId: granted.grantId, sentNs, untilNs };
  }
  if (status === 423) {
    record.write({ kind: "held", op });
    return { kind: "held" };
  }
  const code = String(body["code"]);
  if (code === "internal") record.write({ kind: "unknown", op, why: code });
  else record.write({ kind: "refused", op, code });
  return { kind: "other" };
}

function endOf(sentNs: number, guaranteedFor: string | undefined): number {
  return sentNs + parseDurationMs(guaranteedFor ?? "0s") * 1e6;
}

interface Keeping {
  readonly op: string;
  readonly grantId: string;
  readonly sentNs: number;
  readonly untilNs: number;
  readonly holdMs: number;
}

/** Holds it, renews it, and gives it back. */
async function keep(wire: Wire, keeping: Keeping): Promise<Ended> {
  const { op, grantId, holdMs } = keeping;
  const { record, stopping } = wire.desk;
  let { sentNs, untilNs } = keeping;
  const doneNs = nowNs() + holdMs * 1e6;
  while (nowNs() < doneNs && !stopping.aborted) {
    const renewNs = sentNs + (untilNs - sentNs) * renewsAfter;
    const nextNs = Math.min(doneNs, Math.max(renewNs, nowNs() + renewsNoSoonerNs));
    await wire.desk.rest((nextNs - nowNs()) / 1e6);
    if (nowNs() >= doneNs || stopping.aborted) break;
    const restMs = Math.max(500, (untilNs - nowNs()) / 1e6);
    const told = await wire.ask("POST", `/v1/grants/${grantId}/renew`, { forMs: restMs });
    if (told?.answer.status === 200) {
      const stated = String(told.answer.body["guaranteedFor"]);
      sentNs = told.sentNs;
      untilNs = Math.max(untilNs, endOf(sentNs, stated));
      record.write({ kind: "stated", op, sentNs, guaranteedUntilNs: endOf(sentNs, stated) });
    } else if (isOver(told)) {
      record.write({ kind: "lost", op, why: String(told?.answer.body["code"]) });
      return "other";
    }
    if (nowNs() > untilNs) {
      record.write({ kind: "lost", op, why: "lapsed" });
      break;
    }
    // A sidecar that answers nothing, or that it cannot reach etcd, is asked again in a moment.
    if (told?.answer.status !== 200) await wire.desk.rest(soonMs);
  }
  return release(wire, op, grantId);
}

function isOver(told: Told | undefined): boolean {
  return told !== undefined && [404, 409].includes(told.answer.status);
}

async function release(wire: Wire, op: string, grantId: string): Promise<Ended> {
  const { record } = wire.desk;
  record.write({ kind: "releasing", op });
  for (let tries = 1; ; tries++) {
    const told = await wire.ask("DELETE", `/v1/grants/${grantId}`, { forMs: patienceMs });
    if (told?.answer.status === 204) {
      record.write({ kind: "released", op });
      return "released";
    }
    if (isOver(told) || tries === triesMax) {
      const why = told === undefined ? "no answer" : String(told.answer.body["code"]);
      record.write({ kind: "releaseFailed", op, why });
      return "other";
    }
    await sleep(againAfterMs);
  }
}
