/**
 * What those hear who listen to a wait, a grant or a lock. An observer is told in the very step in which it happens, and
 * before anything follows from it: of a loss before anybody else may be granted the lock. It must not throw, and must not
 * ask anything of core from within.
 *
 *   waiting… ─▶ granted ─▶ jeopardy ⇄ recovered ─▶ revokeRequested ─▶ lost | released
 *
 * `lost` and `released` are the last. `granted` is the answer to the acquire and is not told here.
 */
import type { Epoch } from "../runtime.ts";
import type { GrantEnd, HolderView } from "./views.ts";

export type GrantEvent =
  /** Etcd does not answer the session: all of its grants end at this moment, unless it does before. */
  | { readonly kind: "jeopardy"; readonly inMs: number; readonly deadline: Epoch }
  /** It has answered. */
  | { readonly kind: "recovered" }
  /** Somebody asks for the lock: the grant ends at this moment, unless it is released before. */
  | {
      readonly kind: "revokeRequested";
      readonly inMs: number;
      readonly deadline: Epoch;
      readonly by: string;
    }
  | {
      readonly kind: "lost";
      readonly why: GrantEnd;
      readonly at: Epoch;
      /** For so long nobody else is granted the lock. */
      readonly guaranteedForMs: number;
    }
  | { readonly kind: "released"; readonly at: Epoch };

export interface GrantObserver {
  told(event: GrantEvent): void;
}

/** Of a caller that waits. */
export interface WaitObserver {
  /** It is the so-manieth to be served, as last seen; 1: the next. Told again when that has changed. */
  waiting(place: number): void;
}

export type LockEvent =
  /** Who holds the lock, in order. */
  | { readonly kind: "holder"; readonly holders: readonly HolderView[] }
  | { readonly kind: "vacant" }
  /** Etcd does not answer: what was told last may be over. */
  | { readonly kind: "unseen" };

export interface LockObserver {
  told(event: LockEvent): void;
}
