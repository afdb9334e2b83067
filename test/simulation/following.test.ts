/** The copy of a lock's contenders that a watch tells, in virtual time. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { encodeContender, type ContenderValue } from "#core/lock/contender.ts";
import { contenderKey, lockOf } from "#core/lock/keys.ts";
import type { LockEvent } from "#core/lock/events.ts";
import type { Epoch } from "#core/runtime.ts";
import type { Op } from "#core/store.ts";
import { namespace } from "./process.ts";
import { processOf, quietStage } from "./quiet-stage.ts";

const waits: Omit<ContenderValue, "session" | "holder"> = {
  ...{ pod: "other", mode: "exclusive", permits: 1, since: 0 as Epoch, metadata: {}, base: 0n },
  ...{ handovers: 0, isOwn: true, joined: [0], localWaiters: 0, idle: false, trying: false },
};

describe("a copy of a lock's contenders", () => {
  it("stands in everybody's order, also of those that were made in one write", async () => {
    const stage = await quietStage("following/one-write", 1);
    const process = processOf(stage, 0);
    const told: LockEvent[] = [];
    const lock = lockOf(namespace, { pool: "orders", name: "42" });
    process.kernel.locks.observe(lock, { told: (event) => told.push(event) });
    await stage.world.pass(500);
    const session = process.kernel.sessions.current;
    assert.ok(session !== undefined);
    const put = (seat: string): Op => ({
      kind: "putEphemeral",
      key: contenderKey(lock, { session: session.id, seat }),
      lease: session.lease,
      value: encodeContender({ ...waits, session: session.id, holder: seat }),
    });
    const then = ["c", "a", "b"].map(put);
    const write = { given: [], when: [], then, otherwise: [] };
    await stage.world.until(process.tap.write(write));
    await stage.world.pass(500);
    const last = told.at(-1);
    assert.ok(last?.kind === "holder");
    assert.deepEqual(
      last.holders.map(({ holder }) => holder),
      ["a"],
    );
    for (const each of stage.processes) each.kill();
  });
});
