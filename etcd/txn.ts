/** Between the words of the store port and etcd's messages: operations, compares and what they bring back. */
import { assert } from "#core/refusal.ts";
import {
  type Compare,
  type KeyValue,
  type LeaseId,
  type Op,
  type OpResult,
  type RangeRead,
  type RangeResult,
  revision,
} from "#core/store.ts";
import type { TxnOp, TxnRequest, TxnResponse, TxnResult } from "./batch.ts";
import * as rpc from "./codec/etcdserverpb/rpc.ts";
import type { KeyValue as RpcKeyValue } from "./codec/mvccpb/kv.ts";

export function encodeTxn(request: TxnRequest): rpc.TxnRequest {
  return {
    compare: request.when.map(compareOf),
    success: request.then.map(requestOf),
    failure: request.otherwise.map(requestOf),
  };
}

export function decodeTxn(request: TxnRequest, response: rpc.TxnResponse): TxnResponse {
  const ran = response.succeeded ? request.then : request.otherwise;
  assert(ran.length === response.responses.length, "etcd answered another number of operations");
  return {
    held: response.succeeded,
    results: ran.map((op, at) => txnResultOf(op, response.responses[at])),
  };
}

export function rangeRequest(range: RangeRead): rpc.RangeRequest {
  return {
    key: range.key,
    rangeEnd: range.end ?? "",
    limit: BigInt(range.limit ?? 0),
    revision: 0n,
    sortOrder: rpc.RangeRequest_SortOrder.NONE,
    sortTarget: rpc.RangeRequest_SortTarget.KEY,
    serializable: false,
    keysOnly: range.keysOnly ?? false,
    countOnly: range.countOnly ?? false,
    minModRevision: 0n,
    maxModRevision: 0n,
    minCreateRevision: 0n,
    maxCreateRevision: 0n,
  };
}

export function rangeResult(response: rpc.RangeResponse): RangeResult {
  return { keys: response.kvs.map(keyValueOf), count: Number(response.count) };
}

/** The value is copied: what is kept of an answer must not keep the whole answer in memory. */
export function keyValueOf(kv: RpcKeyValue): KeyValue {
  return {
    key: kv.key,
    value: new Uint8Array(kv.value),
    createRevision: revision(kv.createRevision),
    modRevision: revision(kv.modRevision),
    lease: kv.lease === 0n ? undefined : (kv.lease as LeaseId),
  };
}

function compareOf(compare: Compare): rpc.Compare {
  const { EQUAL } = rpc.Compare_CompareResult;
  const { CREATE, MOD } = rpc.Compare_CompareTarget;
  const { key } = compare;
  switch (compare.kind) {
    case "created": {
      const targetUnion = { $case: "createRevision", value: compare.revision } as const;
      return { result: EQUAL, target: CREATE, key, rangeEnd: "", targetUnion };
    }
    case "modified": {
      const targetUnion = { $case: "modRevision", value: compare.revision } as const;
      return { result: EQUAL, target: MOD, key, rangeEnd: "", targetUnion };
    }
    case "empty": {
      // Compared with every key of the range; where there is none, with a key that was never made.
      const targetUnion = { $case: "createRevision", value: 0n } as const;
      return { result: EQUAL, target: CREATE, key, rangeEnd: compare.end, targetUnion };
    }
    default:
      return compare satisfies never;
  }
}

function requestOf(op: TxnOp): rpc.RequestOp {
  switch (op.kind) {
    case "putEphemeral":
      return put(op, op.lease);
    case "putDurable":
      return put(op, 0n);
    case "delete": {
      const value = { key: op.key, rangeEnd: "", prevKv: false };
      return { request: { $case: "requestDeleteRange", value } };
    }
    case "list":
      return { request: { $case: "requestRange", value: rangeRequest(op.range) } };
    case "nested":
      return { request: { $case: "requestTxn", value: encodeTxn(op) } };
    default:
      return op satisfies never;
  }
}

function put({ key, value }: { key: string; value: Uint8Array }, lease: bigint): rpc.RequestOp {
  const request = { key, value, lease, prevKv: false, ignoreValue: false, ignoreLease: false };
  return { request: { $case: "requestPut", value: request } };
}

function txnResultOf(op: TxnOp, answer: rpc.ResponseOp | undefined): TxnResult {
  if (op.kind !== "nested") return resultOf(op, answer);
  const response = answer?.response;
  assert(
    response?.$case === "responseTxn",
    "etcd answered a nested transaction with something else",
  );
  const ran = response.value.succeeded ? op.then : op.otherwise;
  const { responses } = response.value;
  assert(ran.length === responses.length, "etcd answered another number of nested operations");
  return {
    kind: "nested",
    held: response.value.succeeded,
    results: ran.map((inner, at) => resultOf(inner, responses[at])),
  };
}

function resultOf(op: Op, answer: rpc.ResponseOp | undefined): OpResult {
  const response = answer?.response;
  switch (op.kind) {
    case "putEphemeral":
    case "putDurable":
      assert(response?.$case === "responsePut", "etcd answered a put with something else");
      return { kind: "put" };
    case "delete":
      assert(
        response?.$case === "responseDeleteRange",
        "etcd answered a delete with something else",
      );
      return { kind: "deleted", existed: response.value.deleted > 0n };
    case "list":
      assert(response?.$case === "responseRange", "etcd answered a range with something else");
      return { kind: "listed", result: rangeResult(response.value) };
    default:
      return op satisfies never;
  }
}
