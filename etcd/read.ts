/**
 * Linearizable reads: all ranges in one transaction, so at one revision. A read can be sent as often as one likes, so
 * it is, over whatever endpoint answers, until its caller's time ends.
 */
import { type Outcome, type Refused, type Unknown, done } from "#core/outcome.ts";
import { after, type Instant, type Runtime, sleep } from "#core/runtime.ts";
import { assert } from "#core/refusal.ts";
import {
  type RangeRead,
  type RangeResult,
  type Revision,
  type Snapshot,
  type Wait,
  revision,
} from "#core/store.ts";
import type { Caller } from "./caller.ts";
import type { ResponseOp, TxnResponse } from "./codec/etcdserverpb/rpc.ts";
import { methods } from "./methods.ts";
import { rangeRequest, rangeResult } from "./txn.ts";

/** etcd takes no more operations in one transaction. */
export const rangesMax = 128;
const pauseMinMs = 10;
const pauseMaxMs = 500;

export interface ReadPlan {
  readonly ranges: readonly RangeRead[];
  readonly wait: Wait;
  /** An answer below it is not accepted. */
  readonly atLeast: Revision | undefined;
}

export async function read(caller: Caller, plan: ReadPlan): Promise<Outcome<Snapshot>> {
  const { ranges, wait, atLeast = 0n } = plan;
  assert(ranges.length > 0 && ranges.length <= rangesMax, `a read has 1 to ${rangesMax} ranges`);
  const success = ranges.map((range) => {
    return { request: { $case: "requestRange", value: rangeRequest(range) } } as const;
  });
  return untilWaitEnds(caller.runtime, wait, async () => {
    const request = { compare: [], success, failure: [] };
    const reached = await caller.ask(methods.txn, request, patienceOf(wait));
    if (reached.kind !== "answered") return reached;
    const at = caller.revisions.note(reached.value.header, reached.sentAt);
    if (at.revision < atLeast) return behind(at.revision, revision(atLeast));
    return done({ revision: at.revision, ranges: resultsOf(reached.value) }, at);
  });
}

/**
 * Asks again until the answer is there, or says what asking again does not change, or the wait ends: then `unknown`
 * where anything was ever sent, and else what the last attempt was refused with.
 */
export async function untilWaitEnds<T>(
  runtime: Runtime,
  wait: Wait,
  attempt: () => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  let unanswered: Unknown | undefined;
  for (let tries = 0; ; tries++) {
    const outcome = await attempt();
    if (outcome.kind === "done" || isFinal(outcome)) return outcome;
    if (outcome.kind === "unknown") unanswered = outcome;
    if (!(await pause(runtime, wait, tries))) return unanswered ?? outcome;
  }
}

export function patienceOf(wait: Wait): {
  connectUntil: Instant;
  answerUntil: Instant;
  signal: AbortSignal;
} {
  return { connectUntil: wait.deadline, answerUntil: wait.deadline, signal: wait.signal };
}

function isFinal(outcome: Refused | Unknown): boolean {
  if (outcome.kind === "unknown") return false;
  return outcome.reason.code !== "notSent" && outcome.reason.code !== "overloaded";
}

/** False when the wait is over. */
async function pause(runtime: Runtime, wait: Wait, tries: number): Promise<boolean> {
  const ms = Math.min(pauseMinMs * 2 ** Math.min(tries, 10), pauseMaxMs);
  const until = after(runtime.now(), ms * (0.5 + runtime.random() / 2));
  if (wait.signal.aborted || until >= wait.deadline) return false;
  try {
    await sleep(runtime, until - runtime.now(), wait.signal);
    return true;
  } catch {
    return false; // it aborted: the caller has left
  }
}

function behind(told: Revision, atLeast: Revision): Unknown {
  const message = `etcd answered at revision ${told}, before ${atLeast}, which was seen already`;
  return { kind: "unknown", reason: { code: "noAnswer", message } };
}

function resultsOf(response: TxnResponse): RangeResult[] {
  return response.responses.map(({ response: one }: ResponseOp) => {
    assert(one?.$case === "responseRange", "etcd answered a range with something else");
    return rangeResult(one.value);
  });
}
