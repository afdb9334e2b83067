/** What an admin sees of an etcd: read once, kept as values. Nothing of it is judged here. */
import type { AdminOutcome } from "./outcome.ts";

/** What one member says of itself. */
export interface MemberStatus {
  readonly member: string;
  readonly version: string;
  readonly leader: string;
  readonly learner: boolean;
  readonly sizeBytes: number;
  readonly inUseBytes: number;
  readonly errors: readonly string[];
}

export interface Member {
  readonly id: string;
  readonly name: string;
  readonly learner: boolean;
}

export interface Alarm {
  readonly member: string;
  readonly kind: "NOSPACE" | "CORRUPT" | "other";
}

export interface EtcdView {
  readonly endpoints: readonly {
    readonly endpoint: string;
    readonly status: AdminOutcome<MemberStatus>;
  }[];
  readonly members: AdminOutcome<readonly Member[]>;
  readonly alarms: AdminOutcome<readonly Alarm[]>;
  /** Whether users are switched on. */
  readonly auth: AdminOutcome<boolean>;
  /** Whether we may manage users: done where we may. */
  readonly rights: AdminOutcome<void>;
  /** A linearizable read in a nested transaction: done where there is a quorum, and where it is an etcd. */
  readonly quorum: AdminOutcome<void>;
}
