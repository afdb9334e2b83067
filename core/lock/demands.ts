/** What may be demanded of a pool's locks. */
import { utf8Bytes } from "#api/fields/text.ts";
import { formatDuration } from "#api/fields/duration.ts";
import { Refusal } from "../refusal.ts";
import type { LockName } from "./keys.ts";
import type { Demand } from "./order.ts";
import { permitsExceed } from "./refusals.ts";
import type { Specs } from "../spec/specs.ts";
import { rulesServed, type Rules } from "./rules.ts";
import type { AcquireRequest, Hold } from "./views.ts";

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

/** @throws Refusal what its pool, or of a set any of its pools, does not take */
export function checkRequest(specs: Pick<Specs, "pool">, request: AcquireRequest): void {
  const { locks } = request;
  if (locks === undefined) {
    const rules = rulesServed(specs, request.pool);
    checkDemand(request, request, rules);
    checkTerms(request, request.pool, rules);
    return;
  }
  const first = new Map<string, number>();
  for (const [index, lock] of locks.entries()) {
    const at = `locks[${String(index)}]`;
    const path = `${lock.pool}/${lock.name}`;
    const before = first.get(path);
    if (before !== undefined) {
      throw new Refusal(
        "malformed",
        `${at}: '${path}' stands in locks[${String(before)}], too. Write it once.`,
        { field: at },
      );
    }
    first.set(path, index);
    const rules = rulesServed(specs, lock.pool);
    within(at, () => {
      checkDemand(lock, lock, rules);
    });
    checkTerms(request, lock.pool, rules);
  }
}

/** What is refused in there is a field of `at`. */
function within(at: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { code, message, facts } = error;
    const field = `${at}.${String(facts["field"])}`;
    throw new Refusal(code, `${at}.${message}`, { ...facts, field }, error);
  }
}

function checkTerms(request: AcquireRequest, pool: string, rules: Rules): void {
  const { limits } = rules;
  if (request.waitMs > limits.waitMs) {
    throw new Refusal(
      "wait_too_long",
      `wait: ${formatDuration(request.waitMs)} is above ${formatDuration(limits.waitMs)}, the limit of pool '${pool}' (spec.limits.wait). Wait less, or raise the limit.`,
      { field: "wait", limit: "wait" },
    );
  }
  if (request.ttlMs !== undefined) {
    checkHasTtl(request.hold);
    checkTtl(request.ttlMs, pool, rules);
  }
  const metadataBytes =
    request.metadata === undefined ? 0 : utf8Bytes(JSON.stringify(request.metadata));
  if (metadataBytes > limits.metadataBytes) {
    throw new Refusal(
      "metadata_too_large",
      `metadata: ${String(metadataBytes)} bytes as JSON is above ${String(limits.metadataBytes)}, the limit of pool '${pool}' (spec.limits.metadataBytes). Send less, or raise the limit.`,
      { field: "metadata", limit: "metadataBytes" },
    );
  }
}

export function checkHasTtl(hold: Hold): void {
  if (hold === "ttl") return;
  throw new Refusal(
    "malformed",
    `ttl: a grant with hold '${hold}' has none; leave it out, or hold by ttl.`,
    { field: "ttl" },
  );
}

export function checkTtl(ttlMs: number, pool: string, { maxTtlMs }: Rules): void {
  if (ttlMs <= maxTtlMs) return;
  throw new Refusal(
    "malformed",
    `ttl: ${formatDuration(ttlMs)} is above ${formatDuration(maxTtlMs)}, the maxTtl of pool '${pool}' (spec.maxTtl). Name a shorter one, or raise it.`,
    { field: "ttl" },
  );
}
