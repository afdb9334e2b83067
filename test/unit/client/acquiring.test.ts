import assert from "node:assert/strict";
import { describe, it } from "mocha";
import type { Grant } from "#client/grant.ts";
import {
  grant,
  json,
  lost,
  never,
  problem,
  refused,
  released,
  Stage,
  type Fate,
  type Got,
} from "./stage.ts";

const idOf = (got: Got | undefined): unknown => got?.fields["requestId"];

/** Answers acquires in turn, the last for good; gives back and shows what is asked. */
function inTurn(stage: Stage, ...fates: readonly (Fate | typeof never)[]): void {
  let at = 0;
  stage.sidecar = ({ method, path }) => {
    if (method === "DELETE") return released;
    if (!path.endsWith("/acquire")) return grant();
    return fates[Math.min(at++, fates.length - 1)] ?? never;
  };
}

describe("an acquire", () => {
  it("waits on a lane of its own, and tries on the short one", async () => {
    const stage = new Stage();
    inTurn(stage, grant());
    await stage.world.until(stage.locks.acquire("42"));
    await stage.world.until(stage.locks.acquire("42", { wait: "10s" }));
    await stage.world.until(stage.locks.acquire("42", { wait: 1_500 }));
    assert.deepEqual(
      stage.asked("POST", "/acquire").map(({ lane, fields }) => [lane, fields["wait"]]),
      [
        ["short", undefined],
        ["long", "10s"],
        ["long", "1.5s"],
      ],
    );
  });

  it("has an id of its own, and asks again with it when its answer is lost: for the rest of the wait", async () => {
    const stage = new Stage();
    inTurn(stage, { ...lost, afterMs: 4_000 }, grant());
    const got = await stage.world.until(stage.locks.acquire("42", { wait: "10s" }));
    const [first, second] = stage.asked("POST", "/acquire");
    assert.match(String(idOf(first)), /^[0-9a-f]{24}-1$/);
    assert.equal(idOf(second), idOf(first));
    assert.equal(second?.fields["wait"], "6s");
    assert.equal(got.grantId, "s-1-0");
    await stage.world.until(stage.locks.acquire("43"));
    assert.notEqual(idOf(stage.asked("POST", "/43/acquire")[0]), idOf(first));
  });

  it("is asked again when the sidecar does not know the outcome, also beyond the wait", async () => {
    const stage = new Stage();
    inTurn(stage, problem(504, "outcome_unknown"), problem(504, "outcome_unknown"), grant());
    const got = await stage.world.until(stage.locks.acquire("42"));
    assert.equal(new Set(stage.asked("POST", "/acquire").map(idOf)).size, 1);
    assert.ok(got.isHeld);
  });

  it("whose outcome stays unknown is told so, and settled in the background: the late grant is given back", async () => {
    const stage = new Stage();
    inTurn(stage, problem(504, "outcome_unknown"));
    const failed = stage.locks.acquire("42");
    await assert.rejects(stage.world.until(failed), { code: "outcome_unknown", status: 504 });
    assert.ok(stage.world.nowMs >= 4_000 && stage.world.nowMs <= 6_000);
    const asked = stage.asked("POST", "/acquire").length;
    inTurn(stage, grant());
    await stage.world.pass(10_000);
    const after = stage.asked("POST", "/acquire").slice(asked);
    assert.equal(after.length, 1);
    assert.equal(idOf(after[0]), idOf(stage.asked("POST", "/acquire")[0]));
    assert.equal(stage.asked("DELETE", "/s-1-0").length, 1);
    assert.deepEqual(stage.warnings, []);
  });

  it("that was refused after an answer was lost may still be granted: it is asked for until that cannot be", async () => {
    const stage = new Stage();
    const held = problem(423, "lock_held");
    // The request whose answer was lost waits on in the sidecar, and is granted after the caller has heard of the other.
    inTurn(stage, lost, held, held, held, grant());
    await assert.rejects(stage.world.until(stage.locks.acquire("42")), { code: "lock_held" });
    await stage.world.pass(30_000);
    assert.equal(stage.asked("DELETE", "/s-1-0").length, 1);
    const asked = stage.got.length;
    await stage.world.pass(60_000);
    assert.equal(stage.got.length, asked);
  });

  it("that a sidecar answers with an error of its own may be granted: it is asked for until that is known", async () => {
    const stage = new Stage();
    const error = problem(500, "internal");
    inTurn(stage, error, error, error, grant());
    await assert.rejects(stage.world.until(stage.locks.acquire("42")), { code: "internal" });
    await stage.world.pass(30_000);
    assert.equal(stage.asked("DELETE", "/s-1-0").length, 1);
  });

  it("that was refused after an answer was lost is not asked for any more once its wait is long over", async () => {
    const stage = new Stage();
    inTurn(stage, lost, problem(423, "lock_held"));
    await assert.rejects(stage.world.until(stage.locks.acquire("42")), { code: "lock_held" });
    await stage.world.pass(30_000);
    const asked = stage.got.length;
    await stage.world.pass(600_000);
    assert.equal(stage.got.length, asked);
    assert.deepEqual(stage.warnings, []);
  });

  it("that is aborted rejects at once with the reason, and gives back what is granted all the same", async () => {
    const stage = new Stage();
    inTurn(stage, grant({}, 5_000));
    const caller = new AbortController();
    const acquired = stage.locks.acquire("42", { wait: "10s", signal: caller.signal });
    // The answer overtakes the leaving.
    await stage.world.run(4_999.5);
    const reason = new Error("the user went away");
    caller.abort(reason);
    await assert.rejects(stage.world.until(acquired), reason);
    assert.equal(stage.world.nowMs, 4_999.5);
    await stage.world.pass(10_000);
    assert.equal(stage.asked("DELETE", "/s-1-0").length, 1);
  });

  it("that is aborted in the very turn in which it is granted loses no grant", async () => {
    const fates = { got: 0, left: 0 };
    for (let steps = 0; steps < 40; steps++) {
      const stage = new Stage();
      const caller = new AbortController();
      inTurn(stage, grant());
      stage.onAnswer = () => {
        stage.onAnswer = () => undefined;
        // So many promises move on before the caller leaves.
        let moved = Promise.resolve();
        for (let step = 0; step < steps; step++) moved = moved.then(() => undefined);
        void moved.then(() => {
          caller.abort();
        });
      };
      const acquired = stage.locks.acquire("42", { signal: caller.signal });
      const outcome = acquired.catch(() => undefined);
      await stage.world.pass(2_000);
      const got = await outcome;
      fates[got === undefined ? "left" : "got"] += 1;
      const givenBack = stage.asked("DELETE", "/s-1-0").length;
      assert.equal(givenBack, got === undefined ? 1 : 0, `${steps} steps after`);
    }
    assert.ok(fates.got > 0 && fates.left > 0, JSON.stringify(fates));
  });

  it("that was aborted before asks nothing", async () => {
    const stage = new Stage();
    const reason = new Error("too late");
    const acquired = stage.locks.acquire("42", { signal: AbortSignal.abort(reason) });
    await assert.rejects(acquired, reason);
    assert.equal(stage.got.length, 0);
  });

  it("that waited asks for its guarantee anew before it is handed out", async () => {
    const stage = new Stage();
    inTurn(stage, grant({}, 8_000));
    const got = await stage.world.until(stage.locks.acquire("42", { wait: "10s" }));
    assert.equal(stage.asked("GET", "/s-1-0").length, 1);
    assert.ok(got.guaranteedForMs > 8_990, String(got.guaranteedForMs));
  });

  it("whose guarantee is over before it is handed out is given back, and not handed out", async () => {
    const stage = new Stage({ grants: 1 });
    stage.sidecar = ({ method }) =>
      method === "DELETE" ? released : grant({ guaranteedFor: "0s" });
    for (let i = 0; i < 3; i++) {
      await assert.rejects(stage.world.until(stage.locks.acquire("42")), { code: "grant_lost" });
      await stage.world.pass(100);
      assert.equal(stage.asked("DELETE", "/s-1-0").length, i + 1);
    }
    // The sidecar is silent when it is asked for anew.
    stage.sidecar = ({ method, path }) =>
      method === "DELETE" ? released : path.endsWith("/acquire") ? grant({}, 10_000) : lost;
    const waited = stage.locks.acquire("42", { wait: "20s" });
    await assert.rejects(stage.world.until(waited), { code: "outcome_unknown" });
    await stage.world.pass(100);
    assert.equal(stage.asked("DELETE", "/s-1-0").length, 4);
  });

  it("that was granted and over before anybody heard of it begins anew, with another id", async () => {
    const stage = new Stage();
    inTurn(stage, lost, problem(409, "grant_lost", { reason: "expired" }), grant());
    await stage.world.until(stage.locks.acquire("42", { wait: "10s" }));
    const [first, second, third] = stage.asked("POST", "/acquire").map(idOf);
    assert.equal(second, first);
    assert.notEqual(third, first);
  });

  it("with an id of the caller's tells that its grant is over", async () => {
    const stage = new Stage();
    inTurn(stage, problem(409, "grant_lost", { reason: "released" }));
    const acquired = stage.locks.acquire("42", { wait: "10s", requestId: "job-7" });
    await assert.rejects(stage.world.until(acquired), { code: "grant_lost" });
    assert.equal(idOf(stage.got[0]), "job-7");
  });

  it("that nobody listens to says how to mend it: at once where it only tries, else after a moment", async () => {
    const stage = new Stage();
    inTurn(stage, refused);
    const expected = { code: "sidecar_unreachable", message: /holdfast\.dev\/inject=enabled/ };
    await assert.rejects(stage.world.until(stage.locks.acquire("42")), expected);
    assert.ok(stage.world.nowMs < 10);
    await assert.rejects(stage.world.until(stage.locks.acquire("42", { wait: "1h" })), expected);
    assert.ok(stage.world.nowMs > 3_000 && stage.world.nowMs < 6_000);
  });

  it("outlives a sidecar that restarts", async () => {
    const stage = new Stage();
    inTurn(stage, lost, refused, refused, problem(503, "not_ready"), grant());
    const got = await stage.world.until(stage.locks.acquire("42", { wait: "1m" }));
    assert.ok(got.isHeld);
  });

  it("is not asked again when nothing was done and its wait is over", async () => {
    const stage = new Stage();
    inTurn(stage, problem(503, "backend_unreachable"));
    await assert.rejects(stage.world.until(stage.locks.acquire("42")), {
      code: "backend_unreachable",
    });
    assert.equal(stage.got.length, 1);
  });

  it("that somebody else's server answers is told so", async () => {
    const stage = new Stage();
    inTurn(stage, json(200, { hello: "world" }));
    await assert.rejects(stage.world.until(stage.locks.acquire("42")), {
      code: "unexpected_answer",
    });
    inTurn(stage, json(418, { code: "teapot", detail: "short and stout" }));
    await assert.rejects(stage.world.until(stage.locks.acquire("42")), (error: unknown) => {
      const { code, status, facts } = error as { code: string; status: number; facts: object };
      assert.deepEqual({ code, status }, { code: "unexpected_answer", status: 418 });
      assert.deepEqual(facts, { code: "teapot", detail: "short and stout" });
      return true;
    });
  });

  it("above the limit of acquires is refused by name, with those that are not settled yet", async () => {
    const stage = new Stage({ acquires: 2 });
    inTurn(stage, never);
    const first = stage.locks.acquire("1", { wait: "1m" });
    const second = stage.locks.acquire("2", { wait: "1m" });
    const busy = { code: "client_busy", facts: { limit: "acquires", max: 2 } };
    await assert.rejects(stage.world.until(stage.locks.acquire("3")), busy);
    inTurn(stage, problem(423, "lock_held"));
    await assert.rejects(stage.world.until(first), { code: "lock_held" });
    await assert.rejects(stage.world.until(second), { code: "lock_held" });
    await assert.rejects(stage.world.until(stage.locks.acquire("4")), busy);
    await stage.world.pass(60_000);
    await assert.rejects(stage.world.until(stage.locks.acquire("5")), { code: "lock_held" });
  });

  it("above the limit of grants is refused by name", async () => {
    const stage = new Stage({ grants: 1 });
    inTurn(stage, grant());
    const got: Grant = await stage.world.until(stage.locks.acquire("42"));
    const busy = { code: "client_busy", facts: { limit: "grants", max: 1 } };
    await assert.rejects(stage.world.until(stage.locks.acquire("43")), busy);
    await stage.world.until(got.release());
    await stage.world.until(stage.locks.acquire("43"));
  });

  it("refuses what is no duration, and half a character, by name", async () => {
    const stage = new Stage();
    for (const wait of ["soon", "", -1, Number.NaN, Infinity]) {
      const malformed = { code: "malformed", facts: { field: "wait" } };
      await assert.rejects(stage.locks.acquire("42", { wait }), malformed);
    }
    await assert.rejects(stage.locks.acquire("42", { ttl: "1 hour" }), { code: "malformed" });
    await assert.rejects(stage.locks.acquire("\ud800"), { code: "malformed" });
    assert.equal(stage.got.length, 0);
  });

  it("writes any name as one segment of a path", async () => {
    const stage = new Stage();
    inTurn(stage, grant());
    for (const name of ["a/b", "ü", ".", "..", "a?b#c", "%"])
      await stage.world.until(stage.locks.acquire(name));
    assert.deepEqual(
      stage.got.map(({ path }) => path.split("/")[4]),
      ["a%2Fb", "%C3%BC", "%2E", "%2E%2E", "a%3Fb%23c", "%25"],
    );
  });
});
