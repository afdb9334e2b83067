/** What a run makes bad is bad: else it would show nothing. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { before, describe, it } from "mocha";
import { Chance } from "#test/support/world/chance.ts";
import { hold, release } from "#test/support/lock-calls.ts";
import { eventually } from "#test/support/poll.ts";
import { strictWork } from "./checks/order.ts";
import { readEvents } from "./history/recorder.ts";
import { DisksMissing, SmallDisks } from "./stage/small-disks.ts";
import { Stage, type StagePlan } from "./stage/stage.ts";
import { clusterFaults } from "./trouble/catalog.ts";

interface Set extends AsyncDisposable {
  readonly stage: Stage;
  /** What the conductor saw that is wrong. */
  wrong(): string[];
}

/** Absent works: apps that do nothing, and end at once. */
type Setting = Partial<Pick<StagePlan, "works" | "disks">>;

async function set(members: 1 | 3, { works = [], disks }: Setting = {}): Promise<Set> {
  const folder = await mkdtemp(path.join(tmpdir(), "holdfast-faults-"));
  const stage = await Stage.start({ seed: "1", members, pods: 2, folder, works, disks });
  return {
    stage,
    wrong: () =>
      readEvents(folder).flatMap((event) => (event.kind === "wrong" ? [event.what] : [])),
    [Symbol.asyncDispose]: async () => {
      await stage[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const works = [strictWork];

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

  it("takes an etcd that ends by itself for wrong", async () => {
    await using staged = await set(1, { works });
    const { stage } = staged;
    const member = stage.etcd.member(0);
    assert(member.pid !== undefined);
    process.kill(member.pid, "SIGKILL");
    await member.ended;
    assert.ok(stage.broken.aborted);
    assert.match(staged.wrong().join(), /etcd m0 ended by itself/);
  });

  it("takes an etcd that somebody ended and started again for none", async () => {
    await using staged = await set(1, { works });
    await staged.stage.etcd.kill();
    await staged.stage.etcd.startAll();
    await staged.stage.etcd.restart();
    assert.deepEqual(staged.wrong(), []);
    assert.ok(!staged.stage.broken.aborted);
  });
});

describe("small disks of a run under faults", function () {
  this.timeout(90_000);

  before(async function () {
    try {
      await using _ = await SmallDisks.start(1);
    } catch (error) {
      if (!(error instanceof DisksMissing)) throw error;
      console.error(`\n  !! Disks that can be filled are NOT tested: ${error.message}\n`);
      this.skip();
    }
  });

  it("are filled one by one, to the last byte, and have space again", async () => {
    await using disks = await SmallDisks.start(2);
    const [one, other] = disks.all;
    assert(one !== undefined && other !== undefined);
    const write = async ({ dataFolder }: typeof one): Promise<void> => {
      await mkdir(dataFolder, { recursive: true });
      await writeFile(path.join(dataFolder, "one"), "x");
    };
    await mkdir(one.dataFolder);
    await one.fill();
    assert.equal((await statfs(one.dataFolder)).bfree, 0);
    await assert.rejects(write(one), /ENOSPC/);
    await write(other);
    await one.free();
    await write(one);
  });

  it("are seen by nobody, and go with their keeper", async () => {
    let folder: string;
    {
      await using disks = await SmallDisks.start(1);
      folder = disks.all[0]?.dataFolder ?? "";
      await mkdir(folder);
      assert.doesNotMatch(await readFile("/proc/self/mountinfo", "utf8"), / holdfast /);
    }
    await assert.rejects(statfs(folder), /ENOENT/);
  });

  it("excuse an etcd that ends by another reason from nothing", async () => {
    await using disks = await SmallDisks.start(1);
    await using staged = await set(1, { works, disks });
    const { stage } = staged;
    const member = stage.etcd.member(0);
    await stage.diskOf(member).fill();
    assert(member.pid !== undefined);
    process.kill(member.pid, "SIGKILL");
    await member.ended;
    assert.ok(stage.broken.aborted);
    assert.match(staged.wrong().join(), /etcd m0 ended by itself/);
  });
});
