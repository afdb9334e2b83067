/**
 * A write that waits for a batch, or rides in one: what it owns, what it compares, and what it costs. All is worked
 * out once, on arrival, since the queue may look at a member many times.
 */
import type { Outcome } from "#core/outcome.ts";
import type { Compare, Key, Op, Write, WriteResult } from "#core/store.ts";
import type { Batch } from "./batch.ts";
import { Intervals, contains, type Interval } from "./intervals.ts";

/** A key that a member writes, or a range that it lists (or wants empty): no other member may touch it meanwhile. */
export interface Claim extends Interval {
  readonly member: Member;
}

/**
 * How a member stands in a batch of several:
 * - `delete`: nothing but deletes, and no condition: plain operations that go through whatever becomes of the facts;
 * - `single`: one operation, no condition of its own: an operation of the outer transaction;
 * - `nested`: a transaction of its own within the outer one.
 */
export type Shape = "delete" | "single" | "nested";

/** What etcd's messages add to keys and values: an upper bound for tags, lengths and numbers. */
const opOverheadBytes = 40;
const nestedOverheadBytes = 24;
const none: readonly never[] = [];

export class Member {
  readonly write: Write;
  readonly shape: Shape;
  /** Disjoint. */
  readonly claims: readonly Claim[];
  readonly writtenKeys: readonly Key[];
  /** Of `when`, and not its own: others may compare them too, nobody may write them. */
  readonly comparedKeys: readonly Key[];
  /** Whether it writes a key that one of its own facts is about: then nobody may share that fact with it. */
  readonly writesOwnFact: boolean;
  /** Whether the store needs space for it. */
  readonly puts: boolean;
  /** How many operations of the outer transaction it is. */
  readonly width: number;
  /** What it takes below the outer transaction. */
  readonly depth: number;
  /** Without its facts. */
  readonly bytes: number;
  /** The batch that holds its claims. */
  batch: Batch | undefined = undefined;
  readonly #resolve: (outcome: Outcome<WriteResult>) => void;
  readonly #reject: (bug: unknown) => void;

  constructor(
    write: Write,
    resolve: (outcome: Outcome<WriteResult>) => void,
    reject: (bug: unknown) => void,
  ) {
    this.write = write;
    this.#resolve = resolve;
    this.#reject = reject;
    this.shape = shapeOf(write);
    this.width = this.shape === "delete" ? write.then.length : 1;
    this.depth = this.shape === "nested" ? partsMax(write) : 0;
    // A delete stands in both parts of the outer transaction.
    this.bytes = sizeOf(write) * (this.shape === "delete" ? 2 : 1);
    this.puts = write.then.some(isPut) || write.otherwise.some(isPut);
    this.writtenKeys = writtenKeysOf(write);
    this.claims = this.#claimsOf();
    this.comparedKeys = this.#comparedKeysOf();
    this.writesOwnFact =
      write.given.length > 0 &&
      this.writtenKeys.some((key) => write.given.some((fact) => contains(rangeOf(fact), key)));
  }

  settle(outcome: Outcome<WriteResult>): void {
    this.#resolve(outcome);
  }

  /** Only for a broken invariant of ours. Does nothing where the outcome is told already. */
  fail(bug: unknown): void {
    this.#reject(bug);
  }

  #claimsOf(): readonly Claim[] {
    const { write } = this;
    const [only] = write.then;
    if (this.shape !== "nested" && write.then.length === 1 && only !== undefined) {
      return only.kind === "list"
        ? [{ key: only.range.key, end: only.range.end, member: this }]
        : [{ key: only.key, end: undefined, member: this }];
    }
    const ranges = ownedRangesOf(write);
    const [range, ...others] = ranges;
    // An entry: it writes into the one range that it lists.
    if (range !== undefined && others.length === 0) {
      if (this.writtenKeys.every((key) => contains(range, key)))
        return [{ key: range.key, end: range.end, member: this }];
    }
    const claims = new Intervals<Claim>();
    const claim = ({ key, end }: Interval) => {
      claims.merge({ key, end, member: this }, (joined) => ({ ...joined, member: this }));
    };
    for (const key of this.writtenKeys) claim({ key });
    for (const owned of ranges) claim(owned);
    return claims.values();
  }

  #comparedKeysOf(): readonly Key[] {
    const { when } = this.write;
    if (when.length === 0) return none;
    const keys: Key[] = [];
    for (const compare of when) {
      if (compare.kind === "empty") continue;
      if (!this.claims.some((claim) => contains(claim, compare.key))) keys.push(compare.key);
    }
    return keys;
  }
}

/** What a compare looks at. */
export function rangeOf(compare: Compare): Interval {
  return compare;
}

/** The longest of a write's parts: what etcd counts for a transaction. */
export function partsMax({ when, then, otherwise }: Write): number {
  return Math.max(when.length, then.length, otherwise.length);
}

/** A compare in the outer transaction, and the read in its else part. */
export function factBytes(fact: Compare): number {
  const keyBytes = fact.key.length + (fact.kind === "empty" ? fact.end.length : 0);
  return 2 * (keyBytes + opOverheadBytes);
}

function shapeOf({ given, when, then }: Write): Shape {
  if (when.length > 0 || then.length === 0) return "nested";
  if (given.length === 0 && then.every((op) => op.kind === "delete")) return "delete";
  return then.length === 1 ? "single" : "nested";
}

function isPut(op: Op): boolean {
  return op.kind === "putEphemeral" || op.kind === "putDurable";
}

function writtenKeysOf({ then, otherwise }: Write): readonly Key[] {
  const keys: Key[] = [];
  for (const op of then) if (op.kind !== "list") keys.push(op.key);
  for (const op of otherwise) if (op.kind !== "list") keys.push(op.key);
  return keys;
}

/** What it lists, or wants empty. */
function ownedRangesOf({ when, then, otherwise }: Write): readonly Interval[] {
  const ranges: Interval[] = [];
  const own = (range: Interval) => {
    const holdsNothing = range.end !== undefined && range.end <= range.key;
    if (!holdsNothing) ranges.push(range);
  };
  for (const op of then) if (op.kind === "list") own(op.range);
  for (const op of otherwise) if (op.kind === "list") own(op.range);
  for (const compare of when) if (compare.kind === "empty") own(compare);
  return ranges;
}

function sizeOf({ when, then, otherwise }: Write): number {
  let bytes = nestedOverheadBytes;
  for (const compare of when) bytes += factBytes(compare);
  for (const op of then) bytes += opBytes(op);
  for (const op of otherwise) bytes += opBytes(op);
  return bytes;
}

function opBytes(op: Op): number {
  switch (op.kind) {
    case "putEphemeral":
    case "putDurable":
      return opOverheadBytes + op.key.length + op.value.length;
    case "delete":
      return opOverheadBytes + op.key.length;
    case "list":
      return opOverheadBytes + op.range.key.length + (op.range.end?.length ?? 0);
    default:
      return op satisfies never;
  }
}
