import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { HoldfastError } from "#client/error.ts";
import type { Grant } from "#client/grant.ts";
import type { AcquireOptions } from "#client/acquire-options.ts";
import { grant, lost, never, problem, refused, released, Stage, type Fate } from "./stage.ts";

/** A grant of 9 s that was asked for and answered; then the sidecar does what `then` says. */
async function held(then: () => Fate | typeof never, options: AcquireOptions = {}) {
  const stage = new Stage();
  stage.sidecar = () => grant();
  const got = await stage.world.until(stage.locks.acquire("42", options));
  stage.sidecar = ({ method }) => (method === "DELETE" ? released : then());
  return { stage, got };
}

const reasonOf = (got: Grant): unknown => got.loss?.facts["reason"];

describe("a grant that is kept", () => {
  it("is asked for at each third of its guarantee, and goes on as long as that is answered", async () => {
    const { stage, got } = await held(() => grant());
    await stage.world.run(60_000);
    assert.ok(got.isHeld);
    assert.equal(got.signal.aborted, false);
    const renewals = stage.asked("POST", "/renew");
    assert.ok(renewals.length >= 19 && renewals.length <= 20, String(renewals.length));
    assert.ok(Math.abs((renewals[0]?.atMs ?? 0) - 3_000) <= 2);
    await stage.world.until(got.release());
  });

  it("counts its guarantee from the sending of the question", async () => {
    const stage = new Stage();
    stage.sidecar = () => grant({}, 2_000);
    const got = await stage.world.until(stage.locks.acquire("42"));
    assert.equal(stage.world.nowMs, 2_000);
    assert.equal(got.guaranteedForMs, 7_000);
  });

  it("is lost when its guarantee ends and the sidecar is silent: not before, not after", async () => {
    const { stage, got } = await held(() => never);
    let lostAtMs: number | undefined;
    got.signal.addEventListener("abort", () => (lostAtMs = stage.world.nowMs));
    await stage.world.run(8_999);
    assert.ok(got.isHeld);
    assert.equal(got.guaranteedForMs, 1);
    await stage.world.run(9_010);
    assert.ok(lostAtMs !== undefined && lostAtMs >= 9_000 && lostAtMs <= 9_002, String(lostAtMs));
    assert.equal(got.isHeld, false);
    assert.equal(reasonOf(got), "lapsed");
    assert.ok(HoldfastError.is(got.signal.reason, "grant_lost"));
    assert.equal(await stage.world.until(got.lost), got.loss);
  });

  it("asks again, and does not wait for an answer for longer than a third of what is left", async () => {
    const { stage } = await held(() => never);
    await stage.world.run(8_500);
    const [first, second] = stage.asked("POST", "/renew").map(({ atMs }) => atMs);
    assert.ok(first !== undefined && Math.abs(first - 3_000) <= 2);
    assert.ok(second !== undefined && second <= 8_000, String(second));
  });

  it("is held on by the first answer that comes after others were lost", async () => {
    let fails = 2;
    const { stage, got } = await held(() => (fails-- > 0 ? lost : grant()));
    await stage.world.run(30_000);
    assert.ok(got.isHeld);
    await stage.world.until(got.release());
  });

  it("stays lost, whatever is answered after its guarantee ended", async () => {
    const { stage, got } = await held(() => grant({}, 20_000));
    await stage.world.run(60_000);
    assert.equal(got.isHeld, false);
    assert.equal(reasonOf(got), "lapsed");
    assert.ok(stage.asked("POST", "/renew").every(({ atMs }) => atMs < 9_000));
  });

  it("is lost at once when the sidecar says so, with why", async () => {
    const { stage, got } = await held(() => problem(409, "grant_lost", { reason: "maxHold" }));
    const loss = await stage.world.until(got.lost);
    assert.ok(stage.world.nowMs < 3_100);
    assert.equal(loss.status, 409);
    assert.equal(loss.facts["reason"], "maxHold");
    // What the sidecar knows to be over needs no release.
    await stage.world.until(got.release());
    assert.equal(stage.asked("DELETE", "s-1-0").length, 0);
  });

  it("is lost when the sidecar does not know it: another one is there now", async () => {
    const { stage, got } = await held(() => problem(404, "grant_not_found"));
    const loss = await stage.world.until(got.lost);
    assert.equal(loss.code, "grant_lost");
    assert.equal(loss.facts["reason"], "notFound");
  });

  it("is over when the machine slept, as soon as anybody looks", async () => {
    const { stage, got } = await held(() => grant());
    await stage.world.run(1_000);
    stage.runtime.suspend();
    await stage.world.pass(2_000);
    stage.runtime.resume();
    assert.equal(got.guaranteedForMs, 0);
    assert.equal(reasonOf(got), "slept");
    assert.ok(got.signal.aborted);
  });

  it("is told within a second that the machine slept", async () => {
    const { stage, got } = await held(() => grant());
    await stage.world.run(1_000);
    stage.runtime.suspend();
    await stage.world.pass(2_000);
    stage.runtime.resume();
    await stage.world.pass(1_001);
    assert.ok(got.signal.aborted);
  });

  it("stands when the wall clock is set back", async () => {
    const { stage, got } = await held(() => grant());
    stage.runtime.jumpWall(-3_600_000);
    await stage.world.run(30_000);
    assert.ok(got.isHeld);
    await stage.world.until(got.release());
  });

  it("aborts its signal in jeopardy where that is asked, while the guarantee runs", async () => {
    const { stage, got } = await held(() => refused, { abortOn: "jeopardy" });
    await stage.world.run(6_700);
    assert.equal(got.signal.aborted, false);
    await stage.world.run(6_800);
    assert.ok(HoldfastError.is(got.signal.reason, "grant_in_jeopardy"));
    assert.ok(got.isHeld && got.loss === undefined);
    await stage.world.run(9_010);
    assert.equal(reasonOf(got), "lapsed");
  });

  it("is in jeopardy, too, when the sidecar answers that it cannot be confirmed for longer", async () => {
    const stage = new Stage();
    // Its etcd is silent: the deadline of its session stands still.
    stage.sidecar = ({ method }) =>
      method === "DELETE"
        ? released
        : grant({ guaranteedFor: `${Math.max(0, 9_000 - Math.floor(stage.world.nowMs))}ms` });
    const got = await stage.world.until(stage.locks.acquire("42", { abortOn: "jeopardy" }));
    await stage.world.run(6_800);
    assert.ok(HoldfastError.is(got.signal.reason, "grant_in_jeopardy"));
    await stage.world.run(9_100);
    assert.equal(got.isHeld, false);
    const asked = stage.asked("POST", "/renew").length;
    assert.ok(asked < 40, `asked ${asked} times`);
  });

  it("is not renewed where that is not wanted, only asked for", async () => {
    const { stage } = await held(() => grant(), { renew: false });
    await stage.world.run(4_000);
    assert.equal(stage.asked("POST", "/renew").length, 0);
    assert.equal(stage.asked("GET", "/s-1-0").length, 1);
  });

  it("is asked for and not renewed where it has no ttl", async () => {
    const stage = new Stage();
    stage.sidecar = () => grant({ hold: "session", ttl: undefined, expiresIn: undefined });
    const got = await stage.world.until(stage.locks.acquire("42", { hold: "session" }));
    await stage.world.run(4_000);
    assert.equal(stage.asked("POST", "/renew").length, 0);
    assert.equal(stage.asked("GET", "/s-1-0").length, 1);
    assert.equal(got.expiresAt, undefined);
    assert.equal(got.ttl, undefined);
  });

  it("takes another ttl, and tells when it is over", async () => {
    const { stage, got } = await held(() => grant({ ttl: "5m", expiresIn: "5m" }));
    await stage.world.until(got.renew("5m"));
    assert.deepEqual(stage.asked("POST", "/renew")[0]?.fields, { ttl: "5m" });
    assert.equal(got.ttl, "5m");
    stage.sidecar = () => problem(409, "grant_lost", { reason: "expired" });
    await assert.rejects(stage.world.until(got.renew()), { code: "grant_lost" });
    await assert.rejects(stage.world.until(got.renew()), { code: "grant_lost" });
  });

  it("is asked for in time when its ttl was made shorter", async () => {
    const brief = { ttl: "900ms", expiresIn: "900ms", guaranteedFor: "900ms" };
    const { stage, got } = await held(() => grant(brief));
    await stage.world.until(got.renew("900ms"));
    await stage.world.pass(1_000);
    const [first, second] = stage.asked("POST", "/renew");
    assert.ok((second?.atMs ?? Infinity) - (first?.atMs ?? 0) <= 302);
    await stage.world.until(got.release());
  });

  it("is renewed by hand though the first answer is lost", async () => {
    let fails = 1;
    const { stage, got } = await held(() => (fails-- > 0 ? lost : grant()));
    await stage.world.until(got.renew());
    assert.equal(stage.asked("POST", "/renew").length, 2);
    await stage.world.until(got.release());
  });

  it("asks nothing more after its release", async () => {
    const { stage, got } = await held(() => grant());
    await stage.world.until(got.release());
    const asked = stage.got.length;
    await stage.world.pass(60_000);
    assert.equal(stage.got.length, asked);
    assert.equal(got.isHeld, false);
    assert.equal(got.signal.aborted, false);
  });
});
