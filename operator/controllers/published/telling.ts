/** The Events of a resource: what a person would want to know, once when it becomes so. */
import type { Condition, StoredCondition } from "../../conditions/condition.ts";

export interface Telling {
  readonly type: "Normal" | "Warning";
  /** A reason of a condition, or `DriftRepaired`. */
  readonly reason: string;
  readonly action: string;
  readonly note: string;
}

export const driftRepaired: Telling = {
  type: "Warning",
  reason: "DriftRepaired",
  action: "Publish",
  note: "what was published to etcd had been changed or deleted there; it was published again",
};

export function changesToTell(
  before: readonly StoredCondition[],
  now: readonly Condition[],
  generation: number,
): Telling[] {
  return now.flatMap((condition) => {
    const was = before.find(({ type }) => type === condition.type);
    const isNews = was?.reason !== condition.reason || was.observedGeneration !== generation;
    const telling = isNews ? tellingOf(condition) : undefined;
    return telling === undefined ? [] : [telling];
  });
}

function tellingOf({ type, status, reason, message }: Condition): Telling | undefined {
  if (type === "Accepted" && status === "False")
    return { type: "Warning", reason, action: "Accept", note: message };
  if (type === "Programmed" && status === "True") {
    const note = "the spec is published to etcd; sidecars apply it";
    return { type: "Normal", reason, action: "Publish", note };
  }
  if (reason === "OldGrants") return { type: "Warning", reason, action: "Publish", note: message };
  if (type === "Stalled") return { type: "Warning", reason, action: "Publish", note: message };
  return undefined;
}
