/**
 * A transaction as etcd takes it over the wire, and the checks that etcd makes before anything is compared. Nested
 * transactions are how group commit joins writes, so their rules are kept to the letter.
 */
import type { Compare, Key, KeyValue, LeaseId, RangeRead, RangeResult } from "#core/store.ts";

export interface Txn {
  readonly compares: readonly Compare[];
  readonly then: readonly TxnRequest[];
  readonly otherwise: readonly TxnRequest[];
}

export type TxnRequest =
  | {
      readonly kind: "put";
      readonly key: Key;
      readonly value: Uint8Array;
      readonly lease?: LeaseId;
    }
  | { readonly kind: "delete"; readonly key: Key; readonly end?: Key }
  | { readonly kind: "range"; readonly range: RangeRead }
  | { readonly kind: "txn"; readonly txn: Txn };

export interface TxnAnswer {
  readonly held: boolean;
  readonly answers: readonly RequestAnswer[];
}

export type RequestAnswer =
  | { readonly kind: "put" }
  | { readonly kind: "deleted"; readonly keys: readonly KeyValue[] }
  | { readonly kind: "ranged"; readonly result: RangeResult }
  | { readonly kind: "txn"; readonly answer: TxnAnswer };

/** etcd's defaults: `--max-txn-ops`, `--max-request-bytes`. */
const operationsMax = 128;
const requestMaxBytes = 1.5 * 1024 * 1024;
/** What etcd counts for a put besides its key and value when it guards its quota. */
const putOverheadBytes = 256;

/** Why etcd refuses it as an invalid argument; undefined: it does not. */
export function faultOf(txn: Txn): string | undefined {
  return shapeFault(txn, operationsMax) ?? duplicateFault(txn) ?? sizeFault(txn);
}

/** A level costs as much as its longest list; what is left is the budget of each child, not of all together. */
function shapeFault(txn: Txn, budget: number): string | undefined {
  const cost = Math.max(txn.compares.length, txn.then.length, txn.otherwise.length);
  if (cost > budget) return "etcdserver: too many operations in txn request";
  if (txn.compares.some((compare) => compare.key === "")) return "etcdserver: key is not provided";
  for (const request of [...txn.then, ...txn.otherwise]) {
    const fault = requestFault(request, budget - cost);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function requestFault(request: TxnRequest, budget: number): string | undefined {
  if (request.kind === "txn") return shapeFault(request.txn, budget);
  const key = request.kind === "range" ? request.range.key : request.key;
  return key === "" ? "etcdserver: key is not provided" : undefined;
}

interface Span {
  readonly key: Key;
  readonly end?: Key;
}

/** Keys that a list of requests may put, at any depth, and spans that it may delete. */
interface Touched {
  readonly puts: Set<Key>;
  readonly deletes: Span[];
}

class Duplicate extends Error {}

/** One key is put at most once, and not deleted by what stands around or before its put. Put and then delete passes. */
function duplicateFault(txn: Txn): string | undefined {
  try {
    touchedBy(txn.then);
    touchedBy(txn.otherwise);
    return undefined;
  } catch (error) {
    if (error instanceof Duplicate) return "etcdserver: duplicate key given in txn request";
    throw error;
  }
}

function touchedBy(requests: readonly TxnRequest[]): Touched {
  const touched: Touched = { puts: new Set(), deletes: [] };
  for (const request of requests) if (request.kind === "delete") touched.deletes.push(request);
  for (const request of requests) if (request.kind === "txn") addNested(touched, request.txn);
  for (const request of requests) if (request.kind === "put") addPut(touched, request.key);
  return touched;
}

function addNested(touched: Touched, txn: Txn): void {
  const held = touchedBy(txn.then);
  const failed = touchedBy(txn.otherwise);
  for (const key of held.puts) addPut(touched, key);
  for (const key of failed.puts) {
    // Only one of the two parts runs.
    if (held.puts.has(key)) continue;
    addPut(touched, key);
  }
  touched.deletes.push(...held.deletes, ...failed.deletes);
}

function addPut(touched: Touched, key: Key): void {
  if (touched.puts.has(key) || touched.deletes.some((span) => covers(span, key)))
    throw new Duplicate();
  touched.puts.add(key);
}

export function covers(span: Span, key: Key): boolean {
  return span.end === undefined ? key === span.key : key >= span.key && key < span.end;
}

function sizeFault(txn: Txn): string | undefined {
  return sizeBytes(txn) > requestMaxBytes ? "etcdserver: request is too large" : undefined;
}

function sizeBytes(txn: Txn): number {
  let bytes = 0;
  for (const compare of txn.compares) bytes += compare.key.length;
  for (const request of [...txn.then, ...txn.otherwise]) {
    if (request.kind === "txn") bytes += sizeBytes(request.txn);
    else if (request.kind === "put") bytes += request.key.length + request.value.length;
    else if (request.kind === "delete") bytes += request.key.length;
    else bytes += request.range.key.length;
  }
  return bytes;
}

/** What etcd's quota counts: the puts of the dearer part, nested ones too. Nothing: it goes through a full database. */
export function costBytes(txn: Txn): number {
  return Math.max(costOf(txn.then), costOf(txn.otherwise));
}

function costOf(requests: readonly TxnRequest[]): number {
  let bytes = 0;
  for (const request of requests) {
    if (request.kind === "put") bytes += putCostBytes(request.key, request.value);
    else if (request.kind === "txn") bytes += costBytes(request.txn);
  }
  return bytes;
}

export function putCostBytes(key: Key, value: Uint8Array): number {
  return putOverheadBytes + key.length + value.length;
}
