/**
 * What a new connection is asked before anybody uses it: a login where one is configured, the server's version, and a
 * transaction within a transaction that reads and writes nothing. The last also shows that the member stands with the
 * quorum, since it is answered only after one; and it is where servers that are not etcd fail.
 */
import type { Runtime } from "#core/runtime.ts";
import type { Answered, Caller } from "./caller.ts";
import type { RequestOp, StatusResponse, TxnRequest } from "./codec/etcdserverpb/rpc.ts";
import type { Failure } from "./http2/call.ts";
import type { Connection } from "./http2/connection.ts";
import { methods } from "./methods.ts";
import { verdictOn } from "./status.ts";
import { type VersionJudgement, judgeVersion } from "./version.ts";

/** What is known of the member at the other end. */
export interface MemberStatus {
  readonly endpoint: string;
  readonly member: string;
  /** Undefined: it does not tell us. */
  readonly version: string | undefined;
  /** The file's size, and how much of it is in use. */
  readonly dbSizeBytes: number | undefined;
  readonly dbUsedBytes: number | undefined;
  /** Undefined where the server does not tell (before 3.6). */
  readonly quotaBytes: number | undefined;
  /** As etcd words them; `alarm:NOSPACE` among them stops all writes. */
  readonly problems: readonly string[];
}

export interface Admitted extends VersionJudgement {
  readonly status: MemberStatus;
}

const authTriesMax = 4;
/** UNKNOWN, INVALID_ARGUMENT, PERMISSION_DENIED, UNIMPLEMENTED. */
const neverStatuses = new Set([2, 3, 7, 12]);
const empty: TxnRequest = { compare: [], success: [], failure: [] };
const nested: RequestOp = { request: { $case: "requestTxn", value: empty } };

/** Throws where the connection is of no use. */
export async function admit(caller: Caller, connection: Connection): Promise<Admitted> {
  if (caller.tokens.renewable && caller.tokens.token === undefined) {
    await caller.renewToken(undefined, connection);
  }
  const reply = await withLogin(caller, connection, () =>
    caller.askOver(connection, methods.status, {}),
  );
  const status = reply.kind === "answered" ? reply.value : undefined;
  if (reply.kind !== "answered" && !isRefusal(reply)) throw new Error(reply.message);
  if (status !== undefined) caller.revisions.headerOf(status.header);
  await checkNesting(caller, connection);
  const told = memberStatus(connection.endpoint, status);
  const judgement = judgeVersion(told.version);
  warn(caller.runtime, connection, judgement);
  return { ...judgement, status: told };
}

export function memberStatus(endpoint: string, status: StatusResponse | undefined): MemberStatus {
  const size = (bytes: bigint | undefined) =>
    bytes === undefined || bytes === 0n ? undefined : Number(bytes);
  return {
    endpoint,
    member: status?.header?.memberId.toString(16) ?? "",
    version: status?.version === "" ? undefined : status?.version,
    dbSizeBytes: size(status?.dbSize),
    dbUsedBytes: size(status?.dbSizeInUse),
    quotaBytes: size(status?.dbSizeQuota),
    problems: status?.errors ?? [],
  };
}

async function checkNesting(caller: Caller, connection: Connection): Promise<void> {
  const request = { ...empty, success: [nested] };
  const reply = await withLogin(caller, connection, () =>
    caller.askOver(connection, methods.txn, request),
  );
  if (reply.kind === "answered") {
    caller.revisions.note(reply.value.header, reply.sentAt);
    return;
  }
  if (!isRefusal(reply)) throw new Error(reply.message);
  throw new Error(
    `the server refuses nested transactions (${reply.message}): it is not an etcd, perhaps kine, ` +
      "as used by K3s. Holdfast needs a real etcd: give it one of its own",
  );
}

/** Statuses that say that the server will never do it, unlike those that say that it cannot now. */
function isRefusal(failure: Failure): boolean {
  return failure.kind === "status" && neverStatuses.has(failure.code);
}

type Asked<Response> = Answered<Response> | Failure;

/** Asks again after a login, or after users were changed meanwhile. */
async function withLogin<Response>(
  caller: Caller,
  connection: Connection,
  ask: () => Promise<Asked<Response>>,
): Promise<Asked<Response>> {
  for (let tries = 1; ; tries++) {
    const { token } = caller.tokens;
    const reply = await ask();
    if (reply.kind === "answered") return reply;
    const verdict = verdictOn(reply);
    if (verdict.kind !== "again" || tries === authTriesMax) return reply;
    if (verdict.reason === "badToken") await caller.renewToken(token, connection);
  }
}

function warn(runtime: Runtime, connection: Connection, { warning }: VersionJudgement): void {
  if (warning !== undefined) runtime.log.warn(warning, { endpoint: connection.endpoint });
}
