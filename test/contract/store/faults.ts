import assert from "node:assert/strict";
import { noRevision } from "#core/store.ts";
import { assertDone, assertRefused, assertUnknown, completed, type Exercise } from "./trial.ts";

export function exerciseFaults(it: Exercise): void {
  it("leaves a write unknown, though it was done, and it is done once", async (t) => {
    const from = await t.put("start");
    t.client.cutAnswers();
    const outcome = await t.write({ then: [t.durable("a", "1")] });
    assertUnknown(outcome);
    await t.heal();
    // A second write of the same key: had the first been sent again, it could come after this one.
    await t.put("a", "2");
    await t.put("end");
    const events = await t.watch(t.all, from).events(4);
    assert.deepEqual(t.names(events.map((event) => (event.kind === "put" ? event.now : event))), [
      "start",
      "a",
      "a",
      "end",
    ]);
  });

  it("leaves a conditional write unknown, never answered as if it had lost to itself", async (t) => {
    await t.put("start");
    t.client.cutAnswers();
    const outcome = await t.write({
      when: [{ kind: "created", key: t.key("a"), revision: noRevision }],
      then: [t.durable("a")],
      otherwise: [t.list({ key: t.key("a") })],
    });
    assertUnknown(outcome);
    await t.heal();
    assert.notEqual(await t.get("a"), undefined);
  });

  it("leaves each of many writes unknown, and later ones go on", async (t) => {
    await t.put("start");
    t.client.cutAnswers();
    const lost = await t.settle(
      Promise.all(
        Array.from({ length: 5 }, (_, at) =>
          t.store.write(completed({ then: [t.durable(`lost/${String(at)}`)] })),
        ),
      ),
    );
    for (const outcome of lost) assert.notEqual(outcome.kind, "done");
    await t.heal();
    await t.put("after");
    assert.notEqual(await t.get("after"), undefined);
  });

  it("is told from a request that was lost by nobody", async (t) => {
    await t.put("start");
    t.client.cutRequests();
    assertUnknown(await t.write({ then: [t.durable("a")] }));
    await t.heal();
    await t.put("end");
  });

  it("of a grant leaves it unknown, and the next is granted", async (t) => {
    await t.grant();
    t.client.cutAnswers();
    assertUnknown(await t.settle(t.store.leases.grant(5_000, t.wait(300))));
    await t.heal();
    await t.grant();
  });

  it("cannot be where nobody listens: what was never sent is refused", async (t) => {
    await using nowhere = await t.etcd.unreachable();
    const write = completed({ then: [t.durable("a")] });
    assertRefused(await t.settle(nowhere.store.write(write)), "notSent");
    assertRefused(await t.settle(nowhere.store.leases.grant(5_000, t.wait(300))), "notSent");
    assert.equal(await t.get("a"), undefined);
    assertDone(await t.write(write));
  });
}
