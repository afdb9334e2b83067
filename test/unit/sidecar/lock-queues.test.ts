/** Locks of a pool as they are read in chunks, on the model of etcd. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { contenderKey, lockOf, markKey } from "#core/lock/keys.ts";
import { encodeJson } from "#core/json.ts";
import type { Op } from "#core/store.ts";
import { readPool } from "#sidecar/lock-queues.ts";
import { DirectLink } from "#test/support/etcd-model/link.ts";
import { ModelStore } from "#test/support/etcd-model/model-store.ts";
import { EtcdModel } from "#test/support/etcd-model/server.ts";
import { World } from "#test/support/world/world.ts";

const namespace = "ns";
const pool = "orders";
const putAtOnce = 100;

interface Written {
  readonly name: string;
  readonly contenders: number;
  readonly marks: number;
}

class Shelf {
  readonly world = new World("lock-queues");
  readonly store: ModelStore;
  readonly parts;

  constructor() {
    const runtime = this.world.runtime("pod");
    const server = new EtcdModel({ runtime: this.world.runtime("etcd") });
    this.store = new ModelStore(new DirectLink(server, runtime));
    const { signal } = new AbortController();
    this.parts = { runtime, store: this.store, namespace, signal };
  }

  async put(keys: readonly string[]): Promise<void> {
    for (let from = 0; from < keys.length; from += putAtOnce) {
      const some = keys.slice(from, from + putAtOnce);
      const then = some.map((key): Op => ({ kind: "putDurable", key, value: encodeJson({}) }));
      const written = this.store.write({ given: [], when: [], then, otherwise: [] });
      assert.equal((await this.world.until(written)).kind, "done");
    }
  }

  async read(): Promise<Written[]> {
    const all: Written[] = [];
    const reading = (async () => {
      for await (const { lock, contenders, marks } of readPool(this.parts, pool))
        all.push({ name: lock.name, contenders: contenders.length, marks: marks.length });
    })();
    await this.world.until(reading);
    return all;
  }
}

/** In the order of their keys. */
function keysOf({ name, contenders, marks }: Written): string[] {
  const lock = lockOf(namespace, { pool, name });
  const at = (seat: number) => contenderKey(lock, { session: "s", seat: String(seat + 1_000_000) });
  return [
    ...Array.from({ length: contenders }, (_, seat) => at(seat)),
    ...Array.from({ length: marks }, (_, seat) => markKey(lock, at(seat))),
  ];
}

describe("the locks of a pool, read in chunks", () => {
  it("are each read whole, once, in the order of their keys, however many contenders and markers they have", async () => {
    const shelf = new Shelf();
    const wanted: Written[] = [
      { name: "!", contenders: 999, marks: 999 },
      { name: "a!", contenders: 1, marks: 0 },
      { name: "a b", contenders: 2, marks: 2 },
      { name: "a-", contenders: 2_500, marks: 3 },
      { name: "a", contenders: 1_000, marks: 1_001 },
      { name: "a/b", contenders: 0, marks: 2_300 },
      { name: "aä", contenders: 1, marks: 1 },
      { name: "b", contenders: 0, marks: 1 },
    ];
    for (const one of wanted) await shelf.put(keysOf(one));
    await shelf.put(keysOf({ name: "x", contenders: 1, marks: 0 }).map((key) => `${key}/more`));
    const read = await shelf.read();
    const keyOf = ({ name }: Written) => lockOf(namespace, { pool, name }).contenders.key;
    const byKey = (one: Written, other: Written) => (keyOf(one) < keyOf(other) ? -1 : 1);
    assert.deepEqual(read, wanted.sort(byKey));
  });

  it("of a pool that nobody uses are none", async () => {
    assert.deepEqual(await new Shelf().read(), []);
  });
});
