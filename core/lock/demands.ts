/** What may be demanded of a pool's locks. */
import { Refusal } from "../refusal.ts";
import type { LockName } from "./keys.ts";
import type { Demand } from "./order.ts";
import { permitsExceed } from "./refusals.ts";
import type { Rules } from "./rules.ts";
import type { AcquireRequest } from "./views.ts";

/** @throws Refusal what the pool's locks cannot be held as */
export function checkDemand(lock: LockName, { mode, permits }: Demand, rules: Rules): void {
  const { sharing } = rules;
  if (mode === "shared" && sharing.mode !== "ReadWrite") {
    throw new Refusal(
      "malformed",
      `mode: 'shared' is for pools with mode ReadWrite, and '${lock.pool}' has mode ${sharing.mode}. Leave it out, or use another pool.`,
      { field: "mode" },
    );
  }
  if (permits > 1 && sharing.mode !== "Semaphore") {
    throw new Refusal(
      "malformed",
      `permits: ${String(permits)} are for pools with mode Semaphore, and '${lock.pool}' has mode ${sharing.mode}. Leave it out, or use another pool.`,
      { field: "permits" },
    );
  }
  if (permits > sharing.permits) throw permitsExceed(lock, permits, rules);
}

/**
 * A grant that lives by its callers' streams is answered to streams only, and to nobody else.
 * @throws Refusal where a requestId is used again for another hold
 */
export function checkRepeated(request: AcquireRequest, before: AcquireRequest): void {
  const [hold, was] = [request.hold, before.hold];
  if (hold === was || (hold !== "connection" && was !== "connection")) return;
  throw new Refusal(
    "malformed",
    `requestId: the request of this id has hold '${was}', not '${hold}'. Repeat it as it was, or use another id.`,
    { field: "requestId" },
  );
}
