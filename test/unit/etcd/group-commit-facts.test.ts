import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { prefixRange, type Fact } from "#core/store.ts";
import { GroupCommit } from "#etcd/group-commit.ts";
import { settled, TxnServer } from "./group-commit-server.ts";
import {
  absent,
  busy,
  del,
  drain,
  kindOf,
  modified,
  put,
  write,
  twoBatches,
} from "./group-commit-writes.ts";

describe("the facts that members of a batch share", () => {
  it("compares what members share once, whatever object says it", async () => {
    const server = new TxnServer();
    const group = new GroupCommit(server, twoBatches);
    await busy(server, group);
    for (let at = 0; at < 10; at++) {
      void group.write(write({ given: [modified("s", 0), absent("b")], then: [put(`k${at}`)] }));
    }
    await drain(server);
    assert.deepEqual(server.requests[2]?.when, [modified("s", 0), absent("b")]);
  });

  it("never lets unlike expectations of one fact ride together", async () => {
    const server = new TxnServer();
    const group = new GroupCommit(server, twoBatches);
    await busy(server, group);
    const outcomes = [0, 7, 0, 7].map((at, n) =>
      group.write(write({ given: [modified("s", at)], then: [put(`k${n}`)] })),
    );
    assert.deepEqual((await drain(server)).slice(2), [2, 2]);
    assert.deepEqual((await Promise.all(outcomes)).map(kindOf), ["done", "stale", "done", "stale"]);
  });

  it("sends those of unlike expectations side by side", async () => {
    const server = new TxnServer();
    const group = new GroupCommit(server, twoBatches);
    for (const at of [0, 7, 0]) {
      void group.write(
        write({ given: [modified("s", at)], then: [put(`k${at}${server.requests.length}`)] }),
      );
    }
    await settled();
    assert.equal(server.pending.length, 2);
    await drain(server);
  });

  it("compares ranges that begin with one key apart", async () => {
    const server = new TxnServer();
    const group = new GroupCommit(server, twoBatches);
    void group.write(write({ then: [put("m/7")] }));
    await drain(server);
    await busy(server, group);
    const outcomes = ["m/5", "m0"].map((end) =>
      group.write(write({ given: [{ kind: "empty", key: "m/", end }], then: [put(`k${end}`)] })),
    );
    await drain(server);
    assert.deepEqual((await Promise.all(outcomes)).map(kindOf), ["done", "stale"]);
    assert.equal(server.requests[3]?.when.length, 2);
  });

  it("tells who counted on a stale one what stands there now, and sends the others again by itself", async () => {
    const server = new TxnServer();
    const group = new GroupCommit(server, twoBatches);
    void group.write(write({ then: [put("held/1")] }));
    await drain(server);
    await busy(server, group);
    const marker: Fact = { kind: "empty", ...prefixRange("held/") };
    const outcomes = [
      write({ given: [modified("s", 0), modified("held/1", 9)], then: [put("a")] }),
      write({ given: [marker], when: [absent("b")], then: [put("b")] }),
      write({ given: [modified("s", 0)], then: [put("c")] }),
      write({ then: [put("d")] }),
      write({ then: [del("e")] }),
    ].map((one) => group.write(one));
    await drain(server);
    assert.deepEqual(
      server.requests.map(({ then }) => then.length),
      [1, 1, 1, 5, 2],
    );
    const [stale, marked, ...others] = await Promise.all(outcomes);
    const now = server.state.keys.get("held/1");
    const at = { cluster: "1", revision: 4n };
    const staleFact = { fact: modified("held/1", 9), key: "held/1", now };
    assert.deepEqual(stale, {
      kind: "refused",
      reason: { code: "stale", facts: [staleFact], at },
    });
    assert.deepEqual(marked, {
      kind: "refused",
      reason: { code: "stale", facts: [{ fact: marker, key: "held/1", now }], at },
    });
    assert.deepEqual(others.map(kindOf), ["done", "done", "done"]);
    assert.deepEqual([...server.state.keys.keys()], ["held/1", "busy/1", "busy/2", "c", "d"]);
  });

  it("tells of a fact about a key that is gone that nothing stands there", async () => {
    const server = new TxnServer({ auto: true });
    const outcome = await new GroupCommit(server, twoBatches).write(
      write({ given: [modified("s", 5)], when: [absent("a")], then: [put("a")] }),
    );
    assert.deepEqual(outcome, {
      kind: "refused",
      reason: {
        code: "stale",
        facts: [{ fact: modified("s", 5), key: "s", now: undefined }],
        at: { cluster: "1", revision: 1n },
      },
    });
  });

  it("refuses a write that contradicts itself, and only that one", async () => {
    const server = new TxnServer({ auto: true });
    const group = new GroupCommit(server, twoBatches);
    const outcomes = await Promise.all([
      group.write(write({ given: [modified("s", 0), modified("s", 4)], then: [put("a")] })),
      group.write(write({ given: [modified("t", 0)], then: [put("b")] })),
    ]);
    assert.deepEqual(outcomes.map(kindOf), ["stale", "done"]);
    // Nothing stays owned: the keys can be written again, together.
    await Promise.all([
      group.write(write({ then: [put("s")] })),
      group.write(write({ then: [put("t")] })),
    ]);
  });

  it("lets unconditional deletes through whatever becomes of the facts", async () => {
    const server = new TxnServer();
    const group = new GroupCommit(server, twoBatches);
    await busy(server, group);
    const lost = group.write(write({ given: [modified("s", 5)], then: [put("a")] }));
    const release = group.write(write({ then: [del("busy/1")] }));
    await drain(server);
    assert.equal(kindOf(await lost), "stale");
    assert.deepEqual(await release, {
      kind: "done",
      value: { held: true, results: [{ kind: "deleted", existed: true }] },
      at: { cluster: "1", revision: 4n },
    });
    assert.equal(server.requests.length, 3);
  });
});
