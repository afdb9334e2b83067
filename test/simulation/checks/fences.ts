/** Every grant of a lock has a fence above all before it, also when etcd began anew in between. */
import type { History, Violation } from "../history.ts";
import { byLock } from "./by-lock.ts";

export function fences(history: History): Violation[] {
  const violations: Violation[] = [];
  for (const [lock, grants] of byLock(history.grants)) {
    let highest: { readonly id: string; readonly fence: bigint } | undefined;
    for (const grant of grants) {
      if (grant.waived === "all") continue;
      if (highest !== undefined && grant.fence <= highest.fence)
        violations.push({
          rule: "fences",
          atMs: grant.atMs,
          what: `${lock}: ${grant.id} has fence ${String(grant.fence)}, not above ${String(highest.fence)} of ${highest.id}`,
        });
      if (highest === undefined || grant.fence > highest.fence) highest = grant;
    }
  }
  return violations;
}
