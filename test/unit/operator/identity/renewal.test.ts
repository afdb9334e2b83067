import assert from "node:assert/strict";
import type { AuthorityRecord } from "#operator/identity/authority-record.ts";
import { decideRenewal, firstRecord, renewBeforeMs, takeStep } from "#operator/identity/renewal.ts";
import { makeAuthority } from "#operator/identity/x509/certificate.ts";

const nowMs = Date.UTC(2026, 0, 1);
const overlapMs = 7 * 86_400_000;
const endingIn = (ms: number) =>
  makeAuthority("some", { fromMs: nowMs - 1_000, untilMs: nowMs + ms });
const young = endingIn(renewBeforeMs + 60_000);
const old = endingIn(renewBeforeMs - 60_000);
const almostOver = endingIn(60_000);

const record = (parts: Partial<AuthorityRecord> = {}): AuthorityRecord => ({
  ...firstRecord(() => young, nowMs),
  ...parts,
});
const step = (parts: Partial<AuthorityRecord>) =>
  decideRenewal(record(parts), { nowMs, overlapMs }).kind;
const longAgo = nowMs - overlapMs;
const lately = nowMs - overlapMs + 1;

describe("the renewal of an authority", () => {
  it("waits for a year before its end, or for somebody who asks", () => {
    assert.equal(step({}), "wait");
    assert.equal(step({ current: old }), "announce");
    assert.equal(step({ asked: true }), "announce");
  });

  it("never touches one of somebody else's", () => {
    assert.equal(step({ current: almostOver, next: young, ours: false }), "wait");
    assert.equal(step({ asked: true, ours: false }), "wait");
  });

  it("uses the next one after the overlap, at once where the former is as good as over", () => {
    assert.equal(step({ current: old, next: young, sinceMs: lately }), "wait");
    assert.equal(step({ current: old, next: young, sinceMs: longAgo }), "promote");
    assert.equal(step({ current: almostOver, next: young, sinceMs: lately }), "promote");
  });

  it("trusts the former one for another overlap, and takes up nothing new before, but for an end that is near", () => {
    const former = [old.certificate];
    assert.equal(step({ former, sinceMs: lately, asked: true }), "wait");
    assert.equal(step({ former, sinceMs: longAgo, asked: true }), "retire");
    assert.equal(step({ former, current: old, sinceMs: lately }), "announce");
  });

  it("keeps in the bundle whoever issued, until it retires", () => {
    const parts = { nowMs, make: () => young };
    const announced = takeStep(record({ current: old, asked: true }), "announce", parts);
    assert.deepEqual([announced.current, announced.next], [old, young]);
    assert.equal(announced.asked, false);
    const promoted = takeStep(announced, "promote", parts);
    assert.deepEqual([promoted.current, promoted.next], [young, undefined]);
    assert.deepEqual(promoted.former, [old.certificate]);
    assert.deepEqual(takeStep(promoted, "retire", parts).former, []);
  });
});
