/** Where a cohort stands, and how a wait that ends there ends. */
import type { Sessions } from "../session/sessions.ts";
import type { Verdict } from "./caller.ts";
import type { Grant } from "./grant.ts";
import { heldBy, notConnected } from "./refusals.ts";
import { localHolder } from "./tell.ts";
import type { HolderView } from "./views.ts";

export type Phase =
  /** Something is under way whose answer will tell. `leaving`: an own place is being let go. */
  | { readonly kind: "resting" | "entering" | "looking" | "leaving" }
  /** The place holds the lock, and whoever comes is granted it, too. */
  | { readonly kind: "sharing" }
  /** The place holds the lock, and nobody here uses it. */
  | { readonly kind: "idle" }
  /** There is no session, or the resources are not read. */
  | { readonly kind: "connecting" }
  /** A place was, or may have been, taken, and etcd does not tell where it stands. */
  | { readonly kind: "settling" | "unseen" }
  /** Nothing can be taken now. */
  | { readonly kind: "refused"; readonly why: Error }
  /** Behind somebody, as of the last look. */
  | Queued
  /** The same, and nobody has time left: told when the place is gone, for it would keep out whoever asks next. */
  | { readonly kind: "refusing"; readonly then: Queued }
  | { readonly kind: "holding"; readonly grant: Grant };

interface Queued {
  readonly kind: "queued";
  readonly holder: HolderView;
  readonly waiting: number;
}

export interface Around {
  readonly sessions: Sessions;
  readonly pod: string;
  /** Callers of this process that wait. */
  readonly waitingHere: number;
  /** Places of other sessions that wait, as last seen. */
  readonly waitingElsewhere: number;
  /** The answer to an entry was lost with its session. */
  readonly unsettled: boolean;
}

/** How a wait that ends now ends; undefined: not known yet. */
export function verdictOf(phase: Phase, around: Around): Verdict | undefined {
  switch (phase.kind) {
    case "resting":
    case "entering":
    case "looking":
    case "leaving":
    case "refusing":
    case "sharing":
    case "idle":
      return undefined;
    case "connecting":
      return around.unsettled ? { kind: "unknown" } : notConnected(around.sessions);
    case "unseen":
    case "settling":
      return { kind: "unknown" };
    case "refused":
      return phase.why;
    case "queued":
      return heldBy(phase.holder, phase.waiting + around.waitingHere);
    case "holding": {
      const holder = localHolder(phase.grant, around.pod, around.waitingHere);
      return heldBy(holder, around.waitingHere + around.waitingElsewhere);
    }
    default:
      return phase satisfies never;
  }
}
