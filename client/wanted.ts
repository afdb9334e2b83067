/** What an acquire is for: one lock, or a set of them. */
import type { Calls, Manner, Told } from "./calls.ts";
import type { AnyGrant, Operations } from "./generated/operations.ts";

type AcquireId = "acquireLock" | "acquireLockSet";

interface WantedBy<Id extends AcquireId> {
  readonly id: Id;
  readonly path: Operations[Id]["path"];
  /** Without wait. */
  readonly fields: Operations[Id]["fields"];
}

export type Wanted = WantedBy<"acquireLock"> | WantedBy<"acquireLockSet">;

export interface Asking {
  readonly requestId: string;
  /** undefined: only try. */
  readonly wait: string | undefined;
  readonly manner?: Manner;
}

/** Asks for what is wanted, as the request with that id. */
export function askFor<Id extends AcquireId>(
  calls: Calls,
  { id, path, fields }: WantedBy<Id>,
  { requestId, wait, manner }: Asking,
): Promise<Told<AnyGrant>> {
  const asked = { ...fields, requestId, ...(wait === undefined ? {} : { wait }) };
  return calls.ask(id, { path, fields: asked }, manner);
}
