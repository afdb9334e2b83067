/**
 * What a lock and an unlock cost at etcd, asked for without a sidecar: given a key that stands for the session, put a contender
 * under the lease and list who else is there; then delete it. One connection for all callers, and no other promise.
 */
import { type LeaseId, revision, type Revision } from "#core/store.ts";
import type { TxnRequest } from "#etcd/batch.ts";
import * as rpc from "#etcd/codec/etcdserverpb/rpc.ts";
import { decodeTxn, encodeTxn } from "#etcd/txn.ts";
import type { Calls } from "./calls.ts";
import type { Locker, Lockers } from "./load.ts";
import { grantLease } from "./v3lock.ts";

const sessionKey = "bench/session";
/** About as large as one of ours. */
const valueBytes = 200;

interface Session {
  readonly calls: Calls;
  readonly lease: LeaseId;
  readonly epoch: Revision;
}

export async function directLockers(calls: Calls): Promise<Lockers> {
  const lease = (await grantLease(calls)) as LeaseId;
  const put = { kind: "putEphemeral", key: sessionKey, value: new Uint8Array(), lease } as const;
  const answer = await txn(calls, { when: [], then: [put], otherwise: [] });
  const session = { calls, lease, epoch: revision(answer.header?.revision ?? 0n) };
  return { locker: (name) => Promise.resolve(new DirectLocker(session, name)) };
}

class DirectLocker implements Locker {
  readonly #calls: Calls;
  readonly #take: TxnRequest;
  readonly #give: TxnRequest;

  constructor({ calls, lease, epoch }: Session, name: string) {
    this.#calls = calls;
    const [from, end] = [`bench/locks/${name}/`, `bench/locks/${name}0`];
    const key = `${from}${lease.toString(16)}`;
    const value = new Uint8Array(valueBytes);
    this.#take = {
      when: [{ kind: "modified", key: sessionKey, revision: epoch }],
      then: [
        { kind: "putEphemeral", key, value, lease },
        { kind: "list", range: { key: from, end, limit: 2 } },
      ],
      otherwise: [],
    };
    this.#give = { when: [], then: [{ kind: "delete", key }], otherwise: [] };
  }

  async take(): Promise<void> {
    const { held, results } = decodeTxn(this.#take, await txn(this.#calls, this.#take));
    const listed = results.at(-1);
    if (!held || listed?.kind !== "listed" || listed.result.keys.length !== 1)
      throw new Error("direct: not alone");
  }

  async give(): Promise<void> {
    await txn(this.#calls, this.#give);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

async function txn(calls: Calls, request: TxnRequest): Promise<rpc.TxnResponse> {
  const message = rpc.TxnRequest.encode(encodeTxn(request)).finish();
  return rpc.TxnResponse.decode(await calls.call("/etcdserverpb.KV/Txn", message));
}
