/** The model as group commit sees a client: {@link TxnPort} over the words of the model. */
import type {
  NestedResult,
  TxnOp,
  TxnPort,
  TxnRequest,
  TxnResponse,
  TxnResult,
} from "#etcd/batch.ts";
import type { Outcome } from "#core/outcome.ts";
import type { OpResult } from "#core/store.ts";
import { opResult, requestOf } from "./single-write.ts";
import type { RequestAnswer, Txn, TxnAnswer } from "./txn.ts";
import type { TxnRequest as ModelRequest } from "./txn.ts";

export function txnPort(send: (txn: Txn) => Promise<Outcome<TxnAnswer>>): TxnPort {
  return {
    async sendTxn(request: TxnRequest): Promise<Outcome<TxnResponse>> {
      const outcome = await send({
        compares: request.when,
        then: request.then.map(modelRequest),
        otherwise: request.otherwise.map(modelRequest),
      });
      if (outcome.kind !== "done") return outcome;
      const { held, answers } = outcome.value;
      return { ...outcome, value: { held, results: answers.map(txnResult) } };
    },
  };
}

function modelRequest(op: TxnOp): ModelRequest {
  if (op.kind !== "nested") return requestOf(op);
  const { when, then, otherwise } = op;
  return {
    kind: "txn",
    txn: { compares: when, then: then.map(requestOf), otherwise: otherwise.map(requestOf) },
  };
}

function txnResult(answer: RequestAnswer): TxnResult {
  return answer.kind === "txn" ? nestedResult(answer.answer) : opResult(answer);
}

function nestedResult({ held, answers }: TxnAnswer): NestedResult {
  return { kind: "nested", held, results: answers.map((answer): OpResult => opResult(answer)) };
}
