/**
 * What group commit needs of a client: one transaction, sent once. Its words are those of `core/store.ts`; the client
 * turns them into etcd's messages.
 */
import type { Outcome } from "#core/outcome.ts";
import type { Compare, Op, OpResult } from "#core/store.ts";

export interface TxnRequest {
  readonly when: readonly Compare[];
  readonly then: readonly TxnOp[];
  readonly otherwise: readonly TxnOp[];
}

export type TxnOp = Op | NestedTxn;

/** A transaction within one. Its compares are made before anything of the whole request is written. */
export interface NestedTxn {
  readonly kind: "nested";
  readonly when: readonly Compare[];
  readonly then: readonly Op[];
  readonly otherwise: readonly Op[];
}

export interface TxnResponse {
  readonly held: boolean;
  /** One for each operation of the part that ran, in order. */
  readonly results: readonly TxnResult[];
}

export type TxnResult = OpResult | NestedResult;

export interface NestedResult {
  readonly kind: "nested";
  readonly held: boolean;
  readonly results: readonly OpResult[];
}

export interface TxnPort {
  /**
   * Sent at most once; ends by itself, as each write does (`Store.write`). `refused` means that nothing of it was
   * written. It never rejects, but for a bug.
   */
  sendTxn(request: TxnRequest): Promise<Outcome<TxnResponse>>;
}
