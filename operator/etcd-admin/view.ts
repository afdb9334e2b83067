/** What an admin sees of an etcd: read once, kept as values. Nothing of it is judged here. */
import { compareVersions } from "#etcd/version.ts";
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
  /** Grows with each change of a user or a role, whoever makes it; refused before etcd 3.5. */
  readonly authRevision: AdminOutcome<bigint>;
  /** Whether we may manage users: where we may, the names of all roles. */
  readonly rights: AdminOutcome<readonly string[]>;
  /** A linearizable read in a nested transaction: done where there is a quorum, and where it is an etcd. */
  readonly quorum: AdminOutcome<void>;
}

/** Of the members that answer; undefined: none does. */
export function oldestVersion({ endpoints }: EtcdView): string | undefined {
  const versions = endpoints.flatMap(({ status }) =>
    status.kind === "done" ? [status.value.version] : [],
  );
  return versions.sort(compareVersions)[0];
}

/** A member that none of our endpoints leads to counts as down: nobody can say that it is up. */
export function healthyMembers({ endpoints, members }: EtcdView): {
  readonly voting: number;
  readonly down: readonly string[];
} {
  if (members.kind !== "done") return { voting: 0, down: [] };
  const answering = new Set(
    endpoints.flatMap(({ status }) =>
      status.kind === "done" && status.value.leader !== "0" ? [status.value.member] : [],
    ),
  );
  const voting = members.value.filter(({ learner }) => !learner);
  const down = voting.filter(({ id }) => !answering.has(id)).map(({ id, name }) => name || id);
  return { voting: voting.length, down };
}
