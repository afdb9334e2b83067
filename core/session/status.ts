/** What a session says of itself: for GET /v1/session, the log and metrics. */
import type { Epoch } from "../runtime.ts";

export type SessionState =
  /** No session yet, or the last one ended and the next is being made. */
  | "connecting"
  | "held"
  /** Half of the time has passed without an answer from etcd. */
  | "jeopardy"
  | "lost";

export interface SessionStatus {
  readonly state: SessionState;
  /** Absent while there is none. */
  readonly session?: string | undefined;
  readonly since?: Epoch | undefined;
  /** How long stated guarantees can run without another answer from etcd; 0 when lost. */
  readonly deadlineInMs?: number | undefined;
  readonly ttlMs: number;
  /** Why there is no session now, or why the last one ended. */
  readonly reason?: string | undefined;
  /** Sessions that this process lost since its start. */
  readonly losses: number;
  /** Removals not yet confirmed by etcd. */
  readonly intents: number;
}
