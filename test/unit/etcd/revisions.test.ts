import assert from "node:assert/strict";
import { Revisions } from "#etcd/revisions.ts";
import { AnswerTimes } from "#etcd/answer-times.ts";
import { Clock } from "#test/support/clock.ts";

const header = (at: bigint, clusterId = 255n) => {
  return { clusterId, memberId: 1n, revision: at, raftTerm: 1n };
};

describe("what is known of the cluster's history", () => {
  it("is the highest revision of a linearizable answer", () => {
    const clock = new Clock();
    const revisions = new Revisions(clock);
    revisions.note(header(7n), clock.now());
    revisions.note(header(5n), clock.now());
    assert.equal(revisions.latest.revision, 7n);
    assert.equal(revisions.histories, 0);
    assert.equal(revisions.cluster, "ff");
  });

  it("begins anew when an answer is older than one that was there before its request was sent", () => {
    const clock = new Clock();
    const revisions = new Revisions(clock);
    revisions.note(header(7n), clock.now());
    clock.pass(1);
    revisions.note(header(5n), clock.now());
    assert.equal(revisions.histories, 1);
    assert.equal(revisions.latest.revision, 5n);
  });

  it("begins anew when the cluster is another", () => {
    const clock = new Clock();
    const revisions = new Revisions(clock);
    revisions.note(header(7n), clock.now());
    revisions.headerOf(header(9n, 254n));
    assert.equal(revisions.histories, 1);
    assert.equal(revisions.cluster, "fe");
  });

  it("is not changed by a watch's header, which may be late", () => {
    const clock = new Clock();
    const revisions = new Revisions(clock);
    revisions.note(header(7n), clock.now());
    clock.pass(1);
    assert.equal(revisions.headerOf(header(5n)).revision, 5n);
    assert.equal(revisions.latest.revision, 7n);
  });
});

describe("the patience with etcd", () => {
  it("is 2 s at least, and twice the slowest recent answer", () => {
    const clock = new Clock();
    const times = new AnswerTimes(clock);
    assert.equal(times.patienceMs, 2_000);
    times.took(900);
    assert.equal(times.patienceMs, 2_000);
    times.took(3_000);
    times.took(1_100);
    assert.equal(times.patienceMs, 6_000);
  });

  it("grows to 10 s with requests that are not answered, and comes back", () => {
    const clock = new Clock();
    const times = new AnswerTimes(clock);
    for (let n = 0; n < 5; n++) times.took(times.patienceMs);
    assert.equal(times.patienceMs, 10_000);
    clock.pass(16_000);
    assert.equal(times.patienceMs, 10_000);
    clock.pass(30_000);
    assert.equal(times.patienceMs, 2_000);
  });
});
