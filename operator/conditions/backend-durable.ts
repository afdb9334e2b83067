/** Whether the data of the etcd that the operator runs outlives its pod. */
import { say, type Aspect } from "./aspect.ts";
import type { Judged } from "./condition.ts";
import type { BackendFacts } from "./backend-facts.ts";

export const durable = {
  type: "Durable",
  reasons: { Durable: "True", Ephemeral: "False", NotAsked: "Unknown" },
} as const satisfies Aspect;

/** Undefined: the operator does not run it, and cannot know. */
export function judgeDurable({ spec, managed }: BackendFacts): Judged | undefined {
  if (!spec.ok || spec.spec.managed === undefined) return undefined;
  if (managed?.storage === undefined)
    return say(durable, "NotAsked", "Nothing is known of it yet.");
  if (managed.storage.ephemeral)
    return say(
      durable,
      "Ephemeral",
      "The data goes with the pod, and all locks with it: spec.managed.storage.ephemeral is true. For trying things out only.",
    );
  return say(durable, "Durable", `The data is on a volume of ${managed.storage.size}.`);
}
