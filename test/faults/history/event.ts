/**
 * What is written down in a run, one line of JSON an event. All processes run on one machine, so that its monotonic clock
 * (`process.hrtime`) serves them all: who stood still or was killed has no other time than the others.
 *
 * An app writes *before* it asks, and *after* it has heard: what it was promised counts from the asking, what it lets go
 * counts from its intention. So each line says less than what was true, never more, and a checker that finds a contradiction
 * has found one.
 */
import type { HoldMode } from "#core/lock/order.ts";

export type Said =
  /** An acquire is about to be sent. */
  | {
      readonly kind: "asked";
      readonly op: string;
      /** Pool and name. */
      readonly lock: string;
      readonly mode: HoldMode;
      readonly permits: number;
      readonly waitMs: number;
      readonly hold: "ttl" | "session" | "connection";
      /** Asked together with others, all or none: each of them is told of by lines of its own. */
      readonly set?: string;
      readonly holder: string;
      /** Whose sidecar it asks. */
      readonly pod: string;
      /** It says something of its place in the queue: it is asked once only, and by its own name. */
      readonly work: string;
    }
  /** The same is asked once more, by its request id: it may have another place now. */
  | { readonly kind: "askedAgain"; readonly op: string }
  | {
      readonly kind: "granted";
      readonly op: string;
      readonly grantId: string;
      readonly fence: string;
      /** When the question was sent that was answered so. */
      readonly sentNs: number;
      /** Counted from there. */
      readonly guaranteedUntilNs: number;
    }
  /** A renewal or a look was answered, or the typed client counted: it is held, until then at least. */
  | {
      readonly kind: "stated";
      readonly op: string;
      readonly sentNs: number;
      readonly guaranteedUntilNs: number;
    }
  /** The wait is over: somebody else holds it. */
  | {
      readonly kind: "held";
      readonly op: string;
      /** In which pod, as the answer says. */
      readonly holderPod?: string | undefined;
    }
  /** It was answered with another problem. */
  | { readonly kind: "refused"; readonly op: string; readonly code: string }
  /** No answer, or one that does not know: whoever asked gave up. */
  | { readonly kind: "unknown"; readonly op: string; readonly why: string }
  /** Whoever asked has left. */
  | { readonly kind: "left"; readonly op: string }
  | { readonly kind: "lost"; readonly op: string; readonly why: string }
  /** The release is about to be sent: whoever held relies on nothing any more. */
  | { readonly kind: "releasing"; readonly op: string }
  | { readonly kind: "released"; readonly op: string }
  | { readonly kind: "releaseFailed"; readonly op: string; readonly why: string }
  /** Its stream was closed, and its sidecar has told that it is over: its place in etcd may stand a moment longer. */
  | { readonly kind: "closed"; readonly op: string }
  /** Its sidecar told that it is over, and its open stream had not told of that. */
  | { readonly kind: "untold"; readonly op: string; readonly sentNs: number }
  /** What an earlier life of the app held by this name is about to be given back. */
  | { readonly kind: "releasingHolder"; readonly holder: string; readonly pod: string }
  /** How a sidecar shows a lock. */
  | {
      readonly kind: "seen";
      readonly lock: string;
      readonly pod: string;
      readonly sentNs: number;
      readonly holders: readonly Shown[];
      readonly waiters: readonly Shown[];
    }
  /** A life of an app, by its first and its last line. One that was killed has no last one. */
  | { readonly kind: "begun" }
  | { readonly kind: "ended" }
  /** Only the conductor says these. */
  | { readonly kind: "killing"; readonly life: string }
  | {
      readonly kind: "fault";
      readonly id: number;
      readonly name: string;
      readonly target: string;
      readonly phase: "begins" | "ends";
    }
  /** A member of etcd ended by its full disk, in the midst of such a fault: its last words. */
  | { readonly kind: "diskMet"; readonly target: string; readonly how: string }
  /** All is healed, everybody has given back what he had: what is there all the same. */
  | { readonly kind: "left over"; readonly what: string }
  /** What nobody may see, seen on the spot: an answer against the contract, a process that ended by itself. */
  | { readonly kind: "wrong"; readonly what: string };

/** What is said of one attempt, without which. */
export type OfAttempt = WithoutOp<Said>;
type WithoutOp<T> = T extends { readonly op: string } ? Omit<T, "op"> : never;

export interface Shown {
  readonly holder: string;
  readonly pod: string;
  readonly mode: HoldMode;
  readonly permits: number;
}

export type Event = Said & {
  /** On the machine's monotonic clock. */
  readonly atNs: number;
  /** The life of an app, like `pod-a/2`, or `conductor`. */
  readonly by: string;
};
