/** What the sidecar tells of itself. */
import { formatDuration } from "#api/fields/duration.ts";
import type {
  ResourceProblem,
  ResourcesView,
  ResourceView,
  SessionView,
} from "#api/operations/status.ts";
import type { SessionState, SessionStatus } from "#core/session/status.ts";
import { json, jsonText } from "#host/http/reply.ts";
import type { Handlers } from "./handlers.ts";

/** etcd as the client last saw it. */
export interface EtcdStatus {
  readonly reachable: boolean;
  readonly endpoint?: string | undefined;
  readonly version?: string | undefined;
  readonly cluster?: string | undefined;
  /** The NOSPACE alarm stands. */
  readonly full: boolean;
  readonly problem?: string | undefined;
}

/** What an operator gave. */
export interface IdentityStatus {
  /** Wall clock; undefined: it has no certificate. */
  readonly notAfterMs: number | undefined;
  readonly problem: string | undefined;
}

export interface StatusApi {
  readonly namespace: string;
  readonly pod: string;
  readonly source: "files" | "etcd";
  session(): SessionStatus;
  etcd(): EtcdStatus;
  /** Undefined: nobody gave one. */
  identity(): IdentityStatus | undefined;
  /** Grants held now. */
  grants(): number;
  resources(): {
    readonly resources: readonly ResourceView[];
    readonly problems: readonly ResourceProblem[];
  };
  /** The contract as JSON, read when it is first asked for. */
  openapi(): Promise<string>;
}

type StatusOperations = "listResources" | "getSession" | "getOpenapi";

export function statusHandlers(status: StatusApi): Pick<Handlers, StatusOperations> {
  return {
    listResources: () => {
      const { namespace, source } = status;
      const view: ResourcesView = { namespace, source, ...status.resources() };
      return json(200, view);
    },
    getSession: () => json(200, sessionBody(status)),
    getOpenapi: async () => jsonText(200, await status.openapi()),
  };
}

function sessionBody(status: StatusApi): SessionView {
  const session = status.session();
  const etcd = status.etcd();
  const problem =
    etcd.problem ?? (etcd.full ? "the database is full: only releases go on" : session.reason);
  return {
    state: stateOf(session.state),
    ...(session.session === undefined ? {} : { id: session.session }),
    ...(session.since === undefined ? {} : { startedAt: new Date(session.since).toISOString() }),
    ttl: formatDuration(session.ttlMs),
    ...(session.deadlineInMs === undefined
      ? {}
      : { deadlineIn: formatDuration(session.deadlineInMs) }),
    namespace: status.namespace,
    pod: status.pod,
    grants: status.grants(),
    ...identityBody(status.identity()),
    etcd: {
      reachable: etcd.reachable,
      ...(etcd.endpoint === undefined ? {} : { endpoint: etcd.endpoint }),
      ...(etcd.version === undefined ? {} : { version: etcd.version }),
      ...(etcd.cluster === undefined ? {} : { cluster: etcd.cluster }),
      full: etcd.full,
      ...(problem === undefined ? {} : { problem }),
      ...(etcd.full ? { advice: fullAdvice } : {}),
    },
  };
}

function identityBody(identity: IdentityStatus | undefined): Pick<SessionView, "identity"> {
  if (identity === undefined) return {};
  const { notAfterMs, problem } = identity;
  return {
    identity: {
      ...(notAfterMs !== undefined && { expiresAt: new Date(notAfterMs).toISOString() }),
      ...(problem !== undefined && { problem }),
    },
  };
}

/** Deleting and compacting do not bring a full database back: only these two do, in this order. */
export const fullAdvice =
  "run 'etcdctl defrag' and then 'etcdctl alarm disarm' against this etcd; locks go on by themselves after that";

function stateOf(state: SessionState): SessionView["state"] {
  switch (state) {
    case "connecting":
      return "starting";
    case "held":
      return "alive";
    case "jeopardy":
    case "lost":
      return state;
    default:
      return state satisfies never;
  }
}
