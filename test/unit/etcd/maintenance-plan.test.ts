import assert from "node:assert/strict";
import { describe, it } from "mocha";
import type { Instant } from "#core/runtime.ts";
import { revision } from "#core/store.ts";
import { Housekeeping, type DatabaseStatus, type Plan } from "#etcd/maintenance-plan.ts";

const mebibyte = 1024 * 1024;
const quotaBytes = 1000 * mebibyte;

/** One store whose clock and size the test moves; `look` is a second of it. */
class Story {
  readonly keeping = new Housekeeping();
  atMs = 1_000;
  revision = 10;
  inUse = 1;
  file = 1;
  noSpace = false;
  quota: number | undefined = quotaBytes;

  look(): Plan {
    this.atMs += 1_000;
    const status: DatabaseStatus = {
      revision: revision(this.revision),
      dbSizeBytes: Math.round(Math.max(this.file, this.inUse) * mebibyte),
      dbInUseBytes: Math.round(this.inUse * mebibyte),
      quotaBytes: this.quota,
      noSpace: this.noSpace,
      leads: true,
    };
    return this.keeping.plan(status, this.atMs as Instant);
  }

  /** Looks until it is due, and does it then: how many seconds that took. */
  untilDefragmented(): number {
    let seconds = 1;
    while (!this.look().defragment) seconds += 1;
    this.keeping.defragmented(this.atMs as Instant);
    return seconds;
  }

  /** Looks for so long, and does as planned: what was compacted up to, and how many seconds before the end. */
  run(seconds: number, each: () => void = () => undefined): number[] {
    const compacted: number[] = [];
    for (let at = 0; at < seconds; at++) {
      each();
      const { compactTo } = this.look();
      if (compactTo === undefined) continue;
      this.keeping.compacted(compactTo, this.atMs as Instant);
      compacted.push(Number(compactTo));
    }
    return compacted;
  }
}

describe("when etcd is compacted", () => {
  it("keeps ten minutes while there is room, and compacts every five", () => {
    const story = new Story();
    const compacted = story.run(1_800, () => (story.revision += 1));
    // Due after 300 s, possible from 601 s on (ten minutes after the first look), then every 300 s.
    assert.deepEqual(compacted, [11, 311, 611, 911, 1_211].slice(0, compacted.length));
    assert.equal(compacted.length, 4);
  });

  it("compacts after 100,000 revisions, and still keeps ten minutes of them", () => {
    const story = new Story();
    story.run(700, () => (story.revision += 10));
    const before = story.revision;
    assert.deepEqual(
      story.run(1, () => (story.revision += 99_999 - 1_000)),
      [],
    );
    const compacted = story.run(1, () => (story.revision += 10_000));
    assert.equal(compacted.length, 1);
    assert.equal(compacted[0], before - 5_980);
  });

  it("compacts after 64 MiB, or an eighth of a small quota", () => {
    for (const [quotaMiB, writtenMiB] of [
      [1_000, 64],
      [80, 10],
    ] as const) {
      const story = new Story();
      story.quota = quotaMiB * mebibyte;
      story.run(700, () => (story.revision += 10));
      // What is freed meanwhile does not count against what is written.
      const write = (share: number) =>
        story.run(1, () => {
          story.revision += 1;
          story.inUse += writtenMiB * share;
        });
      assert.deepEqual(write(0.6), []);
      story.inUse -= writtenMiB * 0.5;
      assert.equal(story.look().compactTo, undefined);
      assert.deepEqual(write(0.3), []);
      assert.equal(write(0.2).length, 1);
      assert.deepEqual(write(0.9), []);
    }
  });

  it("keeps thirty seconds when half of the quota is in use", () => {
    const story = new Story();
    story.run(200, () => (story.revision += 1));
    story.inUse = 501;
    const compacted = story.run(60, () => (story.revision += 1));
    // At once, since 64 MiB more are in use; then every 15 s.
    assert.deepEqual(compacted, [181, 196, 211, 226]);
  });

  it("keeps nothing but the last look when three quarters are in use", () => {
    const story = new Story();
    story.run(10, () => (story.revision += 1));
    story.inUse = 751;
    assert.deepEqual(
      story.run(3, () => (story.revision += 1)),
      [20, 21, 22],
    );
  });

  it("never compacts up to what was compacted already", () => {
    const story = new Story();
    story.inUse = 800;
    story.run(5, () => (story.revision += 1));
    assert.deepEqual(story.run(5), [15]);
    assert.deepEqual(story.run(5), []);
  });

  it("begins anew with a store that has begun anew", () => {
    const story = new Story();
    story.revision = 1_000_000;
    story.run(700, () => (story.revision += 1));
    story.revision = 5;
    assert.deepEqual(
      story.run(600, () => (story.revision += 1)),
      [],
    );
    assert.deepEqual(story.run(1), [6]);
  });
});

describe("when etcd is defragmented", () => {
  it("is when its file is above 60 % of the quota, and less than half of it in use", () => {
    for (const [file, inUse, expected] of [
      [600, 100, false],
      [601, 300, true],
      [601, 301, false],
      [900, 449, true],
    ] as const) {
      const story = new Story();
      Object.assign(story, { file, inUse });
      assert.equal(story.look().defragment, expected, `${file} MiB, ${inUse} in use`);
    }
  });

  it("takes a server that names no quota to have etcd's default one", () => {
    const story = new Story();
    Object.assign(story, { file: 1_300, inUse: 10, quota: undefined });
    assert.equal(story.look().defragment, true);
    story.file = 1_200;
    assert.equal(story.look().defragment, false);
  });

  it("waits a minute before it does it again", () => {
    const story = new Story();
    Object.assign(story, { file: 700, inUse: 10 });
    assert.deepEqual([story.untilDefragmented(), story.untilDefragmented()], [1, 60]);
  });

  it("is while nothing can be written, whatever is said to be in use, in pauses that double", () => {
    const story = new Story();
    Object.assign(story, { file: 1_001, inUse: 1_000, noSpace: true });
    story.look();
    const pauses = Array.from({ length: 8 }, () => story.untilDefragmented());
    assert.deepEqual(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
    // The next time that it is full the pauses are short again.
    story.noSpace = false;
    story.look();
    story.noSpace = true;
    story.look();
    assert.equal(story.untilDefragmented(), 5);
  });

  it("is not needed once there is space: then the alarm is ended", () => {
    const story = new Story();
    Object.assign(story, { file: 801, inUse: 700, noSpace: true });
    assert.equal(story.look().disarm, false);
    story.file = 799;
    for (let at = 0; at < 10; at++) {
      const { disarm, defragment } = story.look();
      assert.deepEqual([disarm, defragment], [true, false]);
    }
    Object.assign(story, { file: 10, inUse: 10, noSpace: false });
    assert.equal(story.look().disarm, false);
  });
});
