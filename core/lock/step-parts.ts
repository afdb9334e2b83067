/** What each step of the protocol has at hand. */
import type { Runtime } from "../runtime.ts";
import type { Specs } from "../spec/specs.ts";
import type { Store } from "../store.ts";

export interface StepParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly mirror: Specs;
}
