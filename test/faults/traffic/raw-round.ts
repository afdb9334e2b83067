/**
 * One round by bare HTTP, as an app without a client does it: the answer to each question is written down with when it was
 * sent. What gets no answer is asked again with the same request id, some times; then it is unknown.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { formatDuration } from "#api/fields/duration.ts";
import { nowNs } from "../history/recorder.ts";
import type { Ask, Desk, OneLock } from "./desk.ts";
import { locksOf, Story } from "./story.ts";
import { isOver, patienceMs, Wire, type Told } from "./wire.ts";

const triesMax = 4;
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
  /** Done while it is held, before the rest of its time. */
  readonly meanwhile?: () => Promise<unknown>;
}

/** What became of a round, for works that go on from it. */
export type Ended = "released" | "held" | "other";

export async function rawRound(desk: Desk, round: RawRound): Promise<Ended> {
  const { pod = desk.plan.pod } = round;
  const wire = new Wire(desk, desk.apiOf(pod));
  const story = new Story(desk, round.ask, { work: round.work, pod });
  const held = await acquire(wire, story, round);
  if (held.kind !== "granted") return held.kind;
  if (round.isForgotten === true) return "other";
  await round.meanwhile?.();
  return keep(wire, story, { ...held, holdMs: round.holdMs });
}

type Acquired =
  | {
      readonly kind: "granted";
      readonly grantId: string;
      readonly untilNs: number;
      readonly sentNs: number;
    }
  | { readonly kind: "held" | "other" };

async function acquire(wire: Wire, story: Story, round: RawRound): Promise<Acquired> {
  const { desk } = wire;
  const { ask, leavesAfterMs } = round;
  const leave = leavesAfterMs === undefined ? undefined : AbortSignal.timeout(leavesAfterMs);
  const path = ask.beside === undefined ? `/v1/locks/${ask.lock}/acquire` : "/v1/lock-sets/acquire";
  const until = performance.now() + ask.waitMs;
  for (let tries = 1; ; tries++) {
    const restMs = Math.max(0, Math.round(until - performance.now()));
    const body = bodyOf(story.op, ask, tries === 1 ? ask.waitMs : restMs);
    const told = await wire.ask("POST", path, { body, forMs: restMs + patienceMs, leave });
    if (leave?.aborted === true && told === undefined) {
      story.write({ kind: "left" });
      return { kind: "other" };
    }
    const isKnown = told !== undefined && told.answer.status !== 504;
    if (isKnown) return settled(story, told);
    if (tries === triesMax || desk.stopping.aborted) {
      story.write({ kind: "unknown", why: told === undefined ? "no answer" : "504" });
      return { kind: "other" };
    }
    await desk.rest(againAfterMs);
    story.write({ kind: "askedAgain" });
  }
}

function bodyOf(op: string, ask: Ask, waitMs: number): object {
  const { mode, permits, hold, ttlMs, holder = op } = ask;
  const isSet = ask.beside !== undefined;
  return {
    ...{ wait: formatDuration(waitMs), requestId: op, holder },
    ...(isSet ? { locks: locksOf(ask).map(inSet) } : {}),
    ...(mode === undefined || isSet ? {} : { mode }),
    ...(permits === undefined || isSet ? {} : { permits }),
    ...(hold === undefined ? {} : { hold }),
    ...(ttlMs === undefined ? {} : { ttl: formatDuration(ttlMs) }),
  };
}

function inSet({ lock, ...demand }: OneLock): object {
  const [pool, name] = lock.split("/");
  return { pool, name, ...demand };
}

function settled(story: Story, { answer, sentNs }: Told): Acquired {
  const { status, body } = answer;
  if (status === 200) {
    const untilNs = story.granted(body, sentNs);
    return { kind: "granted", grantId: String(body["grantId"]), sentNs, untilNs };
  }
  if (status === 423) {
    story.held(body);
    return { kind: "held" };
  }
  const code = String(body["code"]);
  if (code === "internal") story.write({ kind: "unknown", why: code });
  else story.write({ kind: "refused", code });
  return { kind: "other" };
}

interface Keeping {
  readonly grantId: string;
  readonly sentNs: number;
  readonly untilNs: number;
  readonly holdMs: number;
}

/** Holds it, renews it, and gives it back. */
async function keep(wire: Wire, story: Story, keeping: Keeping): Promise<Ended> {
  const { grantId, holdMs } = keeping;
  const { stopping } = wire.desk;
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
      sentNs = told.sentNs;
      untilNs = Math.max(untilNs, story.stated(told.answer.body, sentNs));
    } else if (isOver(told)) {
      story.write({ kind: "lost", why: String(told?.answer.body["code"]) });
      return "other";
    }
    if (nowNs() > untilNs) {
      story.write({ kind: "lost", why: "lapsed" });
      break;
    }
    // A sidecar that answers nothing, or that it cannot reach etcd, is asked again in a moment.
    if (told?.answer.status !== 200) await wire.desk.rest(soonMs);
  }
  return release(wire, story, grantId);
}

async function release(wire: Wire, story: Story, grantId: string): Promise<Ended> {
  story.write({ kind: "releasing" });
  for (let tries = 1; ; tries++) {
    const told = await wire.ask("DELETE", `/v1/grants/${grantId}`, { forMs: patienceMs });
    if (told?.answer.status === 204) {
      story.write({ kind: "released" });
      return "released";
    }
    if (isOver(told) || tries === triesMax) {
      const why = told === undefined ? "no answer" : String(told.answer.body["code"]);
      story.write({ kind: "releaseFailed", why });
      return "other";
    }
    await sleep(againAfterMs);
  }
}
