/** An etcd as its admin sees it, over all the endpoints that are known: what it is like, and its users. */
import { createSecureContext } from "node:tls";
import type { Etcd3 } from "etcd3";
import { installationKey } from "#core/spec/keys.ts";
import type { Runtime } from "#core/runtime.ts";
import { AdminConnection, type AdminAccess, type CallOptions, type Leave } from "./connection.ts";
import { adminDone, interpret, mapped, type AdminOutcome } from "./outcome.ts";
import type { Alarm, EtcdView, Member, MemberStatus } from "./view.ts";

type Call<T> = (client: Etcd3, options: CallOptions) => Promise<T>;

export class EtcdAdmin implements Disposable {
  readonly #connections: readonly AdminConnection[];

  private constructor(connections: readonly AdminConnection[]) {
    this.#connections = connections;
  }

  /** Connects when it is asked something. Refused where certificate and key are none, or do not belong together. */
  static start(access: AdminAccess, runtime: Runtime): AdminOutcome<EtcdAdmin> {
    try {
      createSecureContext(access.tls);
      return adminDone(
        new EtcdAdmin(access.endpoints.map((one) => new AdminConnection(one, access, runtime))),
      );
    } catch (error) {
      const { message } = interpret(error);
      return { kind: "refused", reason: "credentials", message };
    }
  }

  [Symbol.dispose](): void {
    for (const connection of this.#connections) connection.close();
  }

  /** Of the first endpoint that gives an answer, yes or no; else what the last one said. */
  async ask<T>(call: Call<T>, leave: Leave = {}): Promise<AdminOutcome<T>> {
    let last: AdminOutcome<T> = { kind: "unknown", message: "there is no endpoint" };
    for (const connection of this.#connections) {
      last = await connection.ask(call, leave);
      if (last.kind !== "unknown") return last;
    }
    return last;
  }

  async look(signal: AbortSignal): Promise<EtcdView> {
    const ask = <T>(call: Call<T>) => this.ask(call, { signal });
    const [endpoints, members, alarms, auth, authRevision, rights, quorum] = await Promise.all([
      Promise.all(
        this.#connections.map(async (connection) => ({
          endpoint: connection.endpoint,
          status: mapped(
            await connection.ask((etcd, options) => etcd.maintenance.status(options), { signal }),
            statusOf,
          ),
        })),
      ),
      membersOf(ask),
      alarmsOf(ask),
      authOf(ask),
      authRevisionOf(ask),
      rightsOf(ask),
      quorumOf(ask),
    ]);
    return { endpoints, members, alarms, auth, authRevision, rights, quorum };
  }
}

type Ask = <T>(call: Call<T>) => Promise<AdminOutcome<T>>;

async function membersOf(ask: Ask): Promise<AdminOutcome<readonly Member[]>> {
  const told = await ask((etcd, options) => etcd.cluster.memberList({}, options));
  return mapped(told, ({ members }) =>
    members.map(({ ID, name, isLearner }) => ({ id: ID, name, learner: isLearner })),
  );
}

async function alarmsOf(ask: Ask): Promise<AdminOutcome<readonly Alarm[]>> {
  const told = await ask((etcd, options) => etcd.maintenance.alarm({ action: "Get" }, options));
  return mapped(told, ({ alarms }) =>
    alarms.map(({ memberID, alarm }) => ({ member: memberID, kind: alarmKind(alarm) })),
  );
}

/** Not by the call of that name, which 3.4 does not have: whoever is nobody is told whether anybody could log in. */
function authOf(ask: Ask): Promise<AdminOutcome<boolean>> {
  return ask(async (etcd, options) => {
    try {
      await etcd.auth.authenticate({ name: "holdfast?", password: "?" }, options);
      return true;
    } catch (error) {
      const outcome = interpret(error);
      if (outcome.kind === "refused" && outcome.reason === "credentials") return true;
      if (outcome.kind === "refused" && outcome.reason === "authOff") return false;
      throw error;
    }
  });
}

async function authRevisionOf(ask: Ask): Promise<AdminOutcome<bigint>> {
  const told = await ask((etcd, options) => etcd.auth.authStatus(options));
  return mapped(told, ({ authRevision }) => BigInt(authRevision));
}

async function rightsOf(ask: Ask): Promise<AdminOutcome<readonly string[]>> {
  const told = await ask((etcd, options) => etcd.auth.roleList(options));
  return mapped(told, ({ roles }) => roles);
}

async function quorumOf(ask: Ask): Promise<AdminOutcome<void>> {
  const read = { request_range: { key: Buffer.from(installationKey), keys_only: true } };
  const nested = { success: [{ request_txn: { success: [read] } }] };
  const told = await ask((etcd, options) => etcd.kv.txn(nested, options));
  return mapped(told, () => undefined);
}

type Status = Awaited<ReturnType<Etcd3["maintenance"]["status"]>>;

function statusOf(told: Status): MemberStatus {
  return {
    member: told.header.member_id,
    version: told.version,
    leader: told.leader,
    learner: told.isLearner,
    sizeBytes: Number(told.dbSize),
    inUseBytes: Number(told.dbSizeInUse),
    errors: told.errors,
  };
}

function alarmKind(alarm: string): Alarm["kind"] {
  const kind = alarm.toUpperCase();
  return kind === "NOSPACE" || kind === "CORRUPT" ? kind : "other";
}
