/**
 * Which requests are the same one, asked again: a requestId counts for one lock, since a job may use its own id for every lock
 * that it takes, and sets have ids of their own. What is asked under one id is always the same: else who repeats it would be
 * given what another was granted.
 */
import { Refusal } from "../refusal.ts";
import type { AcquireRequest, LockDemand } from "./views.ts";

/** Under which the request is remembered. No name and no id holds control bytes. Undefined: it has no id. */
export function askedAs({ pool, name, locks, requestId }: AcquireRequest): string | undefined {
  if (requestId === undefined) return undefined;
  return locks === undefined ? `${pool}/${name}\u0000${requestId}` : `\u0000${requestId}`;
}

/** What it asks for, in one text. Of a set the order of its locks says nothing. */
export function askedFor(request: AcquireRequest): string {
  // A grant that lives by its callers' streams is for streams only, and for nobody else.
  const hold = request.hold === "connection" ? "connection" : "";
  const locks = request.locks?.map((one) => `${one.pool}/${one.name} ${demandText(one)}`);
  return [hold, request.owner ?? "", ...(locks?.sort() ?? [demandText(request)])].join("\u0000");
}

/** @throws Refusal one with its id asked for something else */
export function checkSameAsked(request: AcquireRequest, what: string): void {
  if (askedFor(request) === what) return;
  const { requestId, locks } = request;
  const differs =
    locks === undefined
      ? "another mode, other permits, another owner or another hold"
      : "other locks, or for another owner";
  throw new Refusal(
    "request_reused",
    `requestId: a request with the id '${requestId ?? ""}' asked for ${differs}, and is not over or was not long ago. Use another id for another request.`,
    { field: "requestId", requestId },
  );
}

function demandText({ mode, permits }: Pick<LockDemand, "mode" | "permits">): string {
  return `${mode} ${String(permits)}`;
}
