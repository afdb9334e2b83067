/**
 * What a real etcd does with the transactions of group commit, in memory: revisions, compares before all writes, the
 * limits of `checkTxnRequest`, and its refusals. Each request waits until the test lets it be applied and answered.
 */
import { done, refused, unknown, type Outcome, type StoreRefusal } from "#core/outcome.ts";
import {
  noRevision,
  revision,
  type Compare,
  type Key,
  type KeyValue,
  type LeaseId,
  type Op,
  type OpResult,
  type RangeRead,
} from "#core/store.ts";
import type { TxnOp, TxnPort, TxnRequest, TxnResponse, TxnResult } from "#etcd/batch.ts";

const operationsMax = 128;

export class State {
  revision = 1n;
  readonly keys = new Map<Key, KeyValue>();

  copy(): State {
    const copy = new State();
    copy.revision = this.revision;
    for (const [key, value] of this.keys) copy.keys.set(key, value);
    return copy;
  }

  holds(compare: Compare): boolean {
    if (compare.kind === "empty") return this.list({ ...compare, limit: 1 }).length === 0;
    const found = this.keys.get(compare.key);
    const at = compare.kind === "created" ? found?.createRevision : found?.modRevision;
    return (at ?? noRevision) === compare.revision;
  }

  list({ key, end, limit }: RangeRead): KeyValue[] {
    const found = [...this.keys.values()]
      .filter((kv) => (end === undefined ? kv.key === key : kv.key >= key && kv.key < end))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    return limit === undefined ? found : found.slice(0, limit);
  }

  apply(op: Op, at: bigint): OpResult {
    switch (op.kind) {
      case "putDurable":
      case "putEphemeral": {
        const created = this.keys.get(op.key)?.createRevision ?? revision(at);
        const lease = op.kind === "putEphemeral" ? op.lease : undefined;
        this.keys.set(op.key, {
          key: op.key,
          value: op.value,
          createRevision: created,
          modRevision: revision(at),
          lease,
        });
        this.revision = at;
        return { kind: "put" };
      }
      case "delete": {
        const existed = this.keys.delete(op.key);
        if (existed) this.revision = at;
        return { kind: "deleted", existed };
      }
      case "list": {
        const all = this.list({ key: op.range.key, ...(op.range.end && { end: op.range.end }) });
        return { kind: "listed", result: { keys: this.list(op.range), count: all.length } };
      }
      default:
        return op satisfies never;
    }
  }
}

export interface Pending {
  readonly request: TxnRequest;
  /** Set once it is applied. */
  outcome: Outcome<TxnResponse> | undefined;
  readonly answer: (outcome: Outcome<TxnResponse>) => void;
}

export interface Applied {
  readonly request: TxnRequest;
  readonly before: State;
  readonly held: boolean;
  /** Of what it wrote, or would have. */
  readonly at: bigint;
}

export class TxnServer implements TxnPort {
  readonly state = new State();
  readonly requests: TxnRequest[] = [];
  readonly applied: Applied[] = [];
  readonly pending: Pending[] = [];
  readonly leases = new Set<LeaseId>();
  /** Refuses every request that has a put in it. */
  full = false;
  /** Says no to what it names. */
  refuse: (request: TxnRequest) => StoreRefusal | undefined = () => undefined;
  #auto: boolean;

  /** `auto`: applies and answers at once. */
  constructor({ auto = false } = {}) {
    this.#auto = auto;
  }

  sendTxn(request: TxnRequest): Promise<Outcome<TxnResponse>> {
    this.requests.push(request);
    return new Promise((resolve) => {
      const pending: Pending = { request, outcome: undefined, answer: resolve };
      this.pending.push(pending);
      if (this.#auto) this.answer(pending);
    });
  }

  apply(pending: Pending): void {
    pending.outcome ??= this.#execute(pending.request);
  }

  answer(pending: Pending): void {
    this.apply(pending);
    if (pending.outcome !== undefined) this.#tell(pending, pending.outcome);
  }

  lose(pending: Pending): void {
    this.#tell(pending, unknown({ code: "noAnswer", message: "lost" }));
  }

  /** The oldest that waits. */
  next(): Pending {
    const [first] = this.pending;
    if (first === undefined) throw new Error("nothing is under way");
    return first;
  }

  #tell(pending: Pending, outcome: Outcome<TxnResponse>): void {
    this.pending.splice(this.pending.indexOf(pending), 1);
    pending.answer(outcome);
  }

  #execute(request: TxnRequest): Outcome<TxnResponse> {
    const no = this.refuse(request) ?? this.#refusal(request);
    if (no !== undefined) return refused(no);
    const at = this.state.revision + 1n;
    const before = this.state.copy();
    const holds = (compares: readonly Compare[]) => compares.every((one) => before.holds(one));
    const held = holds(request.when);
    const part = held ? request.then : request.otherwise;
    const lease = this.#missingLease(part, holds);
    if (lease) return refused({ code: "leaseNotFound", message: "requested lease not found" });
    this.applied.push({ request, before, held, at });
    const results = part.map((op): TxnResult => {
      if (op.kind !== "nested") return this.state.apply(op, at);
      const inner = holds(op.when);
      const ops = inner ? op.then : op.otherwise;
      return { kind: "nested", held: inner, results: ops.map((one) => this.state.apply(one, at)) };
    });
    const header = { cluster: "1", revision: revision(this.state.revision) };
    return done({ held, results }, header);
  }

  #missingLease(part: readonly TxnOp[], holds: (compares: readonly Compare[]) => boolean): boolean {
    return part.some((op) => {
      if (op.kind === "putEphemeral") return !this.leases.has(op.lease);
      if (op.kind !== "nested") return false;
      return this.#missingLease(holds(op.when) ? op.then : op.otherwise, holds);
    });
  }

  #refusal(request: TxnRequest): StoreRefusal | undefined {
    const invalid = (message: string): StoreRefusal => ({ code: "invalidArgument", message });
    if (tooMany(request, operationsMax)) return invalid("too many operations in txn request");
    for (const part of [request.then, request.otherwise]) {
      const wrong = overlap(part);
      if (wrong !== undefined) return invalid(wrong);
    }
    if (this.full && allOps(request).some((op) => op.kind.startsWith("put"))) {
      return { code: "noSpace", message: "mvcc: database space exceeded" };
    }
    return undefined;
  }
}

/** As etcd's checkTxnRequest: a level costs its longest part, the rest is left for each transaction within. */
function tooMany(request: TxnRequest, budget: number): boolean {
  const { when, then, otherwise } = request;
  const longest = Math.max(when.length, then.length, otherwise.length);
  if (longest > budget) return true;
  return [...then, ...otherwise].some(
    (op) => op.kind === "nested" && tooMany(op, budget - longest),
  );
}

/** Stricter than etcd, which does not see a put by one and a delete by a later one: that is silently wrong. */
function overlap(part: readonly TxnOp[]): string | undefined {
  const seen = new Map<Key, "put" | "delete">();
  for (const op of part) {
    const ops = op.kind === "nested" ? [...op.then, ...op.otherwise] : [op];
    const own = new Map<Key, "put" | "delete">();
    for (const one of ops) {
      if (one.kind === "list") continue;
      own.set(one.key, one.kind === "delete" ? "delete" : "put");
    }
    for (const [key, kind] of own) {
      if (seen.has(key)) return `duplicate key given in txn request: ${key}`;
      seen.set(key, kind);
    }
  }
  return undefined;
}

export function allOps(request: TxnRequest): Op[] {
  return [...request.then, ...request.otherwise].flatMap((op) =>
    op.kind === "nested" ? [...op.then, ...op.otherwise] : [op],
  );
}

/** Lets all promises that can go on go on. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
