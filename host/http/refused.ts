/** Why a request is not served. */
import type { ProblemCode } from "#api/problems.ts";

export interface Refused {
  readonly code: ProblemCode;
  readonly detail: string;
  readonly facts?: Readonly<Record<string, unknown>>;
}

export function malformed(field: string, reason: string): Refused {
  return { code: "malformed", detail: `${field}: ${reason}.`, facts: { field } };
}
