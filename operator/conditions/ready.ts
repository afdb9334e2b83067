/** Whether the resource can be used: accepted, its etcd answers, and it is written there. */
import type { Condition, ReasonOf } from "./condition.ts";

export interface ReadyInputs {
  readonly accepted: Condition<"Accepted">;
  readonly backendReachable: Condition<"BackendReachable">;
  readonly programmed: Condition<"Programmed">;
}

export function ready(inputs: ReadyInputs): Condition<"Ready"> {
  const { accepted, backendReachable, programmed } = inputs;
  const failed: readonly [Condition, ReasonOf<"Ready">][] = [
    [accepted, "NotAccepted"],
    [backendReachable, "BackendNotReachable"],
    [programmed, "NotProgrammed"],
  ];
  for (const [{ type, status, message }, reason] of failed) {
    if (status === "False")
      return { type: "Ready", status: "False", reason, message: `${type} is False: ${message}` };
  }
  const pending = failed.find(([{ status }]) => status === "Unknown");
  if (pending !== undefined) {
    const message = `${pending[0].type} is not known yet`;
    return { type: "Ready", status: "Unknown", reason: "Pending", message };
  }
  return { type: "Ready", status: "True", reason: "Usable", message: "it can be used" };
}
