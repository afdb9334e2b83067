/**
 * The same random transactions, nested ones too, on the model and on a real etcd: every answer, every revision and every
 * event must be the same. The contract shows what a store promises; this, that the model knows etcd's own rules.
 */
import assert from "node:assert/strict";
import type { TxnOp, TxnPort, TxnRequest } from "#etcd/batch.ts";
import type { Outcome } from "#core/outcome.ts";
import {
  revision,
  type Compare,
  type Key,
  type KeyValue,
  type LeaseId,
  type Op,
  type Store,
} from "#core/store.ts";
import { DirectLink } from "#test/support/etcd-model/link.ts";
import { ModelStore } from "#test/support/etcd-model/model-store.ts";
import { EtcdModel } from "#test/support/etcd-model/server.ts";
import { Chance } from "#test/support/world/chance.ts";
import { World } from "#test/support/world/world.ts";
import { ToolMissing } from "#tools/fetch.ts";
import { RealEtcd } from "./real-etcd.ts";
import { assertDone, Trial, type Client } from "./store/trial.ts";

const transactions = 600;
const keys: readonly Key[] = ["a", "a/1", "a/2", "b", "c"];
/** Leases 0 and 1 are there, 2 was revoked. */
const leases = [0, 1, 2] as const;

class Draw {
  readonly #chance: Chance;
  readonly #leases: readonly LeaseId[];
  readonly #revisions: number;

  constructor(chance: Chance, leases: readonly LeaseId[], revisions: number) {
    this.#chance = chance;
    this.#leases = leases;
    this.#revisions = revisions;
  }

  request(): TxnRequest {
    return {
      when: this.#some(2, () => this.compare()),
      then: this.#some(4, () => this.outerOp()),
      otherwise: this.#some(3, () => this.outerOp()),
    };
  }

  outerOp(): TxnOp {
    if (this.#chance.happens(0.5)) return this.op();
    const when = this.#some(2, () => this.compare());
    const then = this.#some(3, () => this.op());
    return { kind: "nested", when, then, otherwise: this.#some(3, () => this.op()) };
  }

  op(): Op {
    const key = this.#chance.oneOf(keys);
    const value = Uint8Array.from([this.#chance.wholeBetween({ min: 0, max: 255 })]);
    const drawn = this.#chance.fraction();
    if (drawn < 0.3) return { kind: "putDurable", key, value };
    if (drawn < 0.55) return { kind: "putEphemeral", key, value, lease: this.#lease() };
    if (drawn < 0.8) return { kind: "delete", key };
    const limit = this.#chance.wholeBetween({ min: 1, max: 3 });
    const keysOnly = this.#chance.happens(0.3);
    return {
      kind: "list",
      range: { key, end: this.#chance.oneOf(["a/2", "b", "d"]), limit, keysOnly },
    };
  }

  compare(): Compare {
    const key = this.#chance.oneOf(keys);
    const drawn = this.#chance.fraction();
    if (drawn < 0.2) return { kind: "empty", key, end: this.#chance.oneOf(["a/2", "b", "d"]) };
    // Often absent, often one of the last revisions.
    const back = this.#chance.wholeBetween({ min: 0, max: 4 });
    const at = revision(this.#chance.happens(0.4) ? 0 : Math.max(0, this.#revisions - back));
    return { kind: drawn < 0.6 ? "created" : "modified", key, revision: at };
  }

  #lease(): LeaseId {
    const index = this.#chance.happens(0.1) ? 2 : this.#chance.oneOf([0, 1]);
    return this.#leases[index] as LeaseId;
  }

  #some<T>(max: number, draw: () => T): T[] {
    return Array.from({ length: this.#chance.wholeBetween({ min: 0, max }) }, draw);
  }
}

interface Side {
  readonly port: TxnPort;
  readonly store: Store;
  readonly leases: readonly LeaseId[];
  settle<T>(promise: Promise<T>): Promise<T>;
}

/** What was answered, without what must differ: cluster, words, the ids of leases. */
function comparable(outcome: Outcome<unknown>, side: Side): unknown {
  if (outcome.kind === "done") return [Number(outcome.at.revision), plain(outcome.value, side)];
  return [outcome.kind, outcome.reason.code];
}

function plain(value: unknown, side: Side): unknown {
  return JSON.parse(
    JSON.stringify(value, function (this: unknown, name, part: unknown) {
      // Of keys without values 3.7 does not tell the lease, older ones do. Values here are never empty.
      if (name === "lease" && (this as KeyValue).value?.length === 0) return undefined;
      if (typeof part !== "bigint") return part;
      const lease = side.leases.indexOf(part as LeaseId);
      return lease < 0 ? Number(part) : `lease ${String(lease)}`;
    }),
  ) as unknown;
}

async function begin(parts: Omit<Side, "leases">): Promise<Side> {
  const wait = { signal: new AbortController().signal, deadline: Number.MAX_SAFE_INTEGER as never };
  const ids: LeaseId[] = [];
  for (const at of leases) {
    const granted = await parts.settle(parts.store.leases.grant(3_600_000 + at * 1_000, wait));
    assertDone(granted);
    ids.push(granted.value.lease);
  }
  await parts.settle(parts.store.leases.revoke(ids[2] as LeaseId, wait));
  return { ...parts, leases: ids };
}

async function modelSide(): Promise<Side> {
  const world = new World("transactions");
  const link = new DirectLink(
    new EtcdModel({ runtime: world.runtime("etcd") }),
    world.runtime("client"),
  );
  let port: TxnPort | undefined;
  const store = new ModelStore(link, (each) => {
    port = each;
    return { write: () => Promise.reject(new Error("only whole transactions are sent here")) };
  });
  assert(port !== undefined);
  return begin({ port, store, settle: (promise) => world.until(promise) });
}

async function realSide(etcd: RealEtcd, client: Client): Promise<Side> {
  return begin({
    port: etcd.portOf(client),
    store: client.store,
    settle: (promise) => promise,
  });
}

async function eventsOf(side: Side, last: number): Promise<unknown[]> {
  const leaving = new AbortController();
  const read = async (): Promise<unknown[]> => {
    const events: unknown[] = [];
    for await (const told of side.store.watch(
      { key: "a", end: "z" },
      revision(2),
      leaving.signal,
    )) {
      if (told.kind !== "changes") continue;
      events.push(...told.events);
      const end = told.events.at(-1);
      const reached = end?.kind === "put" ? end.now.modRevision : (end?.revision ?? 0n);
      if (reached >= last) break;
    }
    return events;
  };
  return plain(await side.settle(read()), side) as unknown[];
}

for (const version of ["3.7", "3.6", "3.4"] as const) {
  describe(`random transactions on the model and on etcd ${version}`, function () {
    this.timeout(60_000);
    let etcd: RealEtcd | undefined;
    before(async function () {
      try {
        etcd = await RealEtcd.start(version);
      } catch (error) {
        if (!(error instanceof ToolMissing)) throw error;
        console.error(`\n  !! The model is NOT compared with etcd ${version}: ${error.message}\n`);
        this.skip();
      }
    });
    after(() => etcd?.[Symbol.asyncDispose]());

    it("are answered alike, and leave the same events", async () => {
      assert(etcd !== undefined);
      await using trial = await Trial.start(etcd);
      const [model, real] = [await modelSide(), await realSide(etcd, trial.client)];
      const chance = [new Chance("transactions"), new Chance("transactions")] as const;
      let last = 1;
      const seen = new Set<string>();
      for (let at = 0; at < transactions; at++) {
        const here = new Draw(chance[0], model.leases, last).request();
        const there = new Draw(chance[1], real.leases, last).request();
        const [ours, theirs] = [
          await model.settle(model.port.sendTxn(here)),
          await real.port.sendTxn(there),
        ];
        const context = `transaction ${String(at)}: ${JSON.stringify(plain(here, model))}`;
        assert.deepEqual(comparable(ours, model), comparable(theirs, real), context);
        seen.add(ours.kind === "refused" ? ours.reason.code : ours.kind);
        if (ours.kind === "done") last = Number(ours.at.revision);
      }
      assert.deepEqual([...seen].sort(), ["done", "invalidArgument", "leaseNotFound"]);
      assert.deepEqual(await eventsOf(model, last), await eventsOf(real, last));
    });
  });
}
