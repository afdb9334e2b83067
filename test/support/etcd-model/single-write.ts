/** One write of the port as one transaction of etcd: the shape that group commit gives it, with a single member. */
import {
  done,
  refused,
  type Done,
  type Header,
  type Refused,
  type StaleFact,
} from "#core/outcome.ts";
import type { Fact, KeyValue, Op, OpResult, Write, WriteResult } from "#core/store.ts";
import { assert } from "#core/refusal.ts";
import type { RequestAnswer, Txn, TxnAnswer, TxnRequest } from "./txn.ts";

export function txnOf(write: Write): Txn {
  const { given, when, then, otherwise } = write;
  const member: Txn = {
    compares: when,
    then: then.map(requestOf),
    otherwise: otherwise.map(requestOf),
  };
  // Where nothing is shared the member stands alone.
  if (given.length === 0) return member;
  return { compares: given, then: [{ kind: "txn", txn: member }], otherwise: given.map(factRead) };
}

export function requestOf(op: Op): TxnRequest {
  switch (op.kind) {
    case "putEphemeral":
      return { kind: "put", key: op.key, value: op.value, lease: op.lease };
    case "putDurable":
      return { kind: "put", key: op.key, value: op.value };
    case "delete":
      return { kind: "delete", key: op.key };
    case "list":
      return { kind: "range", range: op.range };
    default:
      return op satisfies never;
  }
}

function factRead(fact: Fact): TxnRequest {
  const range =
    fact.kind === "empty" ? { key: fact.key, end: fact.end, limit: 1 } : { key: fact.key };
  return { kind: "range", range };
}

export function resultOf(write: Write, answer: TxnAnswer, at: Header): Done<WriteResult> | Refused {
  if (write.given.length === 0) return done(memberResult(answer), at);
  if (!answer.held)
    return refused({ code: "stale", facts: staleFacts(write.given, answer.answers), at });
  const [member] = answer.answers;
  assert(member?.kind === "txn", "a write with facts has one nested transaction");
  return done(memberResult(member.answer), at);
}

function memberResult(answer: TxnAnswer): WriteResult {
  return { held: answer.held, results: answer.answers.map(opResult) };
}

export function opResult(answer: RequestAnswer): OpResult {
  switch (answer.kind) {
    case "put":
      return { kind: "put" };
    case "deleted":
      return { kind: "deleted", existed: answer.keys.length > 0 };
    case "ranged":
      return { kind: "listed", result: answer.result };
    case "txn":
      throw new Error("a write of the port nests nothing");
    default:
      return answer satisfies never;
  }
}

function staleFacts(given: readonly Fact[], reads: readonly RequestAnswer[]): StaleFact[] {
  const stale: StaleFact[] = [];
  for (const [index, fact] of given.entries()) {
    const read = reads[index];
    assert(read?.kind === "ranged", "each fact is read where one of them fails");
    const now = read.result.keys[0];
    if (!factHolds(fact, now)) stale.push({ fact, key: now?.key ?? fact.key, now });
  }
  return stale;
}

/** `now`: what stands at the fact's key, or the first key of its range. */
function factHolds(fact: Fact, now: KeyValue | undefined): boolean {
  switch (fact.kind) {
    case "created":
      return (now?.createRevision ?? 0n) === fact.revision;
    case "modified":
      return (now?.modRevision ?? 0n) === fact.revision;
    case "empty":
      return now === undefined;
    default:
      return fact satisfies never;
  }
}
