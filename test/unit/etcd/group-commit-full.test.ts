import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { GroupCommit } from "#etcd/group-commit.ts";
import { allOps, TxnServer } from "./group-commit-server.ts";
import { absent, busy, del, drain, kindOf, put, write, twoBatches } from "./group-commit-writes.ts";

describe("group commit and a full store", () => {
  const withPut = (server: TxnServer, from: number) =>
    server.requests.slice(from).map((request) => {
      const kinds = new Set(
        allOps(request).map((op) => (op.kind === "putDurable" ? "put" : "other")),
      );
      return [...kinds].sort().join("+");
    });

  it("still lets go: deletes travel apart from puts, and go through", async () => {
    const server = new TxnServer();
    const group = new GroupCommit(server, twoBatches);
    await busy(server, group);
    server.full = true;
    const mixed = [
      group.write(write({ then: [put("a")] })),
      group.write(write({ then: [del("b")] })),
      group.write(write({ when: [absent("c")], then: [del("d")], otherwise: [put("d")] })),
      group.write(write({ given: [absent("s")], then: [del("e")] })),
    ];
    await drain(server);
    assert.deepEqual((await Promise.all(mixed)).map(kindOf), [
      "noSpace",
      "done",
      "noSpace",
      "done",
    ]);
    // The two that kept it busy, the mixed one, and again what needs no space.
    assert.deepEqual(withPut(server, 2), ["other+put", "other"]);
  });

  it("refuses a batch of puts with one request, and mixes again once a put goes through", async () => {
    const server = new TxnServer({ auto: true });
    const group = new GroupCommit(server, twoBatches);
    server.full = true;
    const round = (name: string) =>
      Promise.all(
        Array.from({ length: 20 }, (_, at) =>
          group.write(write({ then: [at % 2 === 0 ? put(`${name}${at}`) : del(`${name}${at}`)] })),
        ),
      );
    const outcome = (at: number, ofPut: string) => (at % 2 === 0 ? ofPut : "done");
    for (const name of ["a", "b"]) {
      const kinds = (await round(name)).map(kindOf);
      assert.deepEqual(
        kinds,
        kinds.map((_, at) => outcome(at, "noSpace")),
      );
    }
    // The first finds out; from then on the two sorts go apart.
    assert.deepEqual(withPut(server, 0), ["other+put", "other", "put", "other"]);
    server.full = false;
    assert.deepEqual(new Set((await round("c")).map(kindOf)), new Set(["done"]));
    const before = server.requests.length;
    assert.deepEqual(new Set((await round("d")).map(kindOf)), new Set(["done"]));
    assert.deepEqual(withPut(server, before), ["other+put"]);
  });
});
