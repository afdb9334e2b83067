/**
 * `database space exceeded` is said of three things alike: of a write that was not taken in, because the quota is used up; of
 * one that was not carried out, because the alarm for that stands; and, in between, of one that **was carried out**: etcd looks
 * at the quota once more when it applies a write, and then only raises the alarm (measured: several of those that are under way
 * when a database gets full).
 *
 * Whichever it was, it is over with the answer: nothing is still on its way. So one read tells: the write was carried out where a
 * key that it puts was written since it was sent.
 */
import type { Outcome } from "#core/outcome.ts";
import type { Key, RangeRead, Revision, Snapshot } from "#core/store.ts";
import type { TxnOp, TxnRequest } from "./batch.ts";
import { rangesMax } from "./read.ts";

type Read = (ranges: readonly RangeRead[]) => Promise<Outcome<Snapshot>>;

/** Whether nothing of a request was written that was answered so. False: it may have been. */
export async function provesNothingWritten(
  request: TxnRequest,
  before: Revision,
  read: Read,
): Promise<boolean> {
  const keys = [...new Set([...request.then, ...request.otherwise].flatMap(keysPutBy))];
  for (let at = 0; at < keys.length; at += rangesMax) {
    const outcome = await read(keys.slice(at, at + rangesMax).map((key) => ({ key })));
    if (outcome.kind !== "done") return false;
    const found = outcome.value.ranges.flatMap((range) => range.keys);
    if (found.some(({ modRevision }) => modRevision > before)) return false;
  }
  return true;
}

function keysPutBy(op: TxnOp): Key[] {
  switch (op.kind) {
    case "putEphemeral":
    case "putDurable":
      return [op.key];
    case "nested":
      return [...op.then, ...op.otherwise].flatMap(keysPutBy);
    case "delete":
    case "list":
      return [];
    default:
      return op satisfies never;
  }
}
