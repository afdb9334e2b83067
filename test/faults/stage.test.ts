/** What a run makes bad is bad: else it would show nothing. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it } from "mocha";
import { Chance } from "#test/support/world/chance.ts";
import { hold, release } from "#test/support/lock-calls.ts";
import { eventually } from "#test/support/poll.ts";
import { Stage } from "./stage/stage.ts";
import { clusterFaults } from "./trouble/catalog.ts";

/** Apps that do nothing. */
async function set(members: 1 | 3): Promise<{ readonly stage: Stage } & AsyncDisposable> {
  const folder = await mkdtemp(path.join(tmpdir(), "holdfast-faults-"));
  const stage = await Stage.start({ seed: "1", members, pods: 2, folder, works: [] });
  return {
    stage,
    [Symbol.asyncDispose]: async () => {
      await stage[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

describe("the stage of a run under faults", function () {
  this.timeout(90_000);
  it("cuts a member off from the others, which then have another leader, and heals", async () => {
    await using staged = await set(3);
    const { stage } = staged;
    const first = await eventually("a leader", () => stage.leader());
    const healing = new AbortController();
    const trouble = { stage, chance: new Chance("1"), over: healing.signal };
    const lastsMs = { min: 60_000, max: 60_000 };
    const cutting = clusterFaults.memberCut({ ...trouble, lastsMs }, first);
    await eventually("another leader", async () => {
      const now = await stage.leader();
      return now !== undefined && now !== first;
    });
    healing.abort(new Error("seen"));
    // Done when the member serves linearizable reads again.
    await cutting;
  });

  it("sets the wall clock of one sidecar", async () => {
    await using staged = await set(1);
    const { stage } = staged;
    const [one, other] = stage.pods;
    assert(one !== undefined && other !== undefined);
    const aheadMs = async ({ sidecar }: typeof one, name: string): Promise<number> => {
      const held = await hold(sidecar, `orders/${name}`, { wait: "20s" });
      await release(sidecar, held);
      return Date.parse(String(held.answer.body["acquiredAt"])) - Date.now();
    };
    const day = 86_400_000;
    await one.setClock(day);
    await eventually("the clock to be set", async () => (await aheadMs(one, "set")) > day / 2);
    assert.ok(Math.abs(await aheadMs(other, "machine")) < day / 2);
    await one.setClock(0);
    await eventually("the clock to be set back", async () => (await aheadMs(one, "set")) < day / 2);
  });
});
