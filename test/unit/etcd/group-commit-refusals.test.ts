import assert from "node:assert/strict";
import { describe, it } from "mocha";
import type { StoreRefusal } from "#core/outcome.ts";
import type { LeaseId, Op } from "#core/store.ts";
import { GroupCommit } from "#etcd/group-commit.ts";
import { settled, TxnServer } from "./group-commit-server.ts";
import {
  absent,
  busy,
  drain,
  kindOf,
  put,
  value,
  write,
  twoBatches,
} from "./group-commit-writes.ts";

describe("group commit and a store that says no", () => {
  const names = (request: { then: readonly unknown[] }, word: string) =>
    JSON.stringify(request.then, (_, part: unknown) =>
      typeof part === "bigint" ? String(part) : part,
    ).includes(word);

  it("fails only the culprit, and sends each of the others on", async () => {
    const server = new TxnServer();
    const group = new GroupCommit(server, twoBatches);
    server.leases.add(1n as LeaseId);
    await busy(server, group);
    const outcomes = Array.from({ length: 120 }, (_, at) => {
      const lease = (at === 77 ? 666n : 1n) as LeaseId;
      const own: Op = { kind: "putEphemeral", key: `k${at}`, value, lease };
      return group.write(write({ given: [absent("s")], when: [absent(`k${at}`)], then: [own] }));
    });
    await drain(server);
    const kinds = (await Promise.all(outcomes)).map(kindOf);
    assert.deepEqual(
      kinds.filter((kind) => kind !== "done"),
      ["leaseNotFound"],
    );
    assert.equal(kinds[77], "leaseNotFound");
    // Two for what was busy, one, and then two for each time that 120 can be halved.
    assert.ok(server.requests.length <= 3 + 2 * 7, `${server.requests.length} requests`);
  });

  for (const reason of [
    { code: "overloaded", message: "etcdserver: too many requests" },
    { code: "unauthenticated", message: "x" },
    { code: "notSent", message: "x" },
  ] satisfies StoreRefusal[]) {
    it(`tells all members of ${reason.code}, and sends nothing again`, async () => {
      const server = new TxnServer();
      const group = new GroupCommit(server, twoBatches);
      await busy(server, group);
      const outcomes = ["a", "b", "c"].map((key) => group.write(write({ then: [put(key)] })));
      server.refuse = (request) => (names(request, '"a"') ? reason : undefined);
      await drain(server);
      assert.deepEqual((await Promise.all(outcomes)).map(kindOf), [
        reason.code,
        reason.code,
        reason.code,
      ]);
      assert.equal(server.requests.length, 3);
    });
  }

  it("tells all members of an unknown outcome, and sends nothing again", async () => {
    const server = new TxnServer();
    const group = new GroupCommit(server, twoBatches);
    await busy(server, group);
    const outcomes = ["a", "b", "c"].map((key) => group.write(write({ then: [put(key)] })));
    server.answer(server.next());
    await settled();
    const [, batch] = server.pending;
    if (batch === undefined) assert.fail();
    server.lose(batch);
    assert.deepEqual((await Promise.all(outcomes)).map(kindOf), [
      "noAnswer",
      "noAnswer",
      "noAnswer",
    ]);
    await drain(server);
    assert.equal(server.requests.length, 3);
    // What was unknown owns nothing any more.
    void group.write(write({ then: [put("a")] }));
    assert.deepEqual(await drain(server), [1]);
  });

  it("fails the members, and no others, when the port breaks", async () => {
    const server = new TxnServer({ auto: true });
    let broken = true;
    const group = new GroupCommit({
      sendTxn: (request) => (broken ? Promise.reject(new Error("bug")) : server.sendTxn(request)),
    });
    await assert.rejects(group.write(write({ then: [put("a")] })), /bug/);
    broken = false;
    assert.equal(kindOf(await group.write(write({ then: [put("a")] }))), "done");
  });
});
