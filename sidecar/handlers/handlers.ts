/** What stands behind each operation. Exhaustive by type: an operation without a handler does not compile. */
import type { Input, OperationId } from "#api/operations/operations.ts";
import type { Call } from "#host/http/exchange.ts";
import type { Reply } from "#host/http/reply.ts";

/** Throws Refusal where the caller asked what cannot be done. */
export type Handler<Id extends OperationId> = (
  input: Input<Id>,
  call: Call,
) => Reply | Promise<Reply>;

export type Handlers = { readonly [Id in OperationId]: Handler<Id> };

export type AnyHandler = (input: unknown, call: Call) => Reply | Promise<Reply>;

/** The parser of the same id made the input, so the two fit. */
export function handlerOf(handlers: Handlers, id: OperationId): AnyHandler {
  return handlers[id] as AnyHandler;
}
