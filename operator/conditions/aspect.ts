/** One aspect of a resource's state, with the closed list of reasons that it may give, each with what it says. */
import type { ConditionStatus, Judged } from "./condition.ts";

export interface Aspect<R extends string = string> {
  readonly type: string;
  readonly reasons: Readonly<Record<R, ConditionStatus>>;
}

export function say<R extends string>(
  aspect: Aspect<R>,
  reason: NoInfer<R>,
  message: string,
): Judged {
  return { type: aspect.type, status: aspect.reasons[reason], reason, message };
}
