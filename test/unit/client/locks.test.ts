import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { HoldfastError } from "#client/error.ts";
import { grant, json, lost, never, problem, refused, released, Stage } from "./stage.ts";

function standing(): Stage {
  const stage = new Stage();
  stage.sidecar = ({ method }) => (method === "DELETE" ? released : grant());
  return stage;
}

describe("using a lock", () => {
  it("gives what the work gives, and the lock back", async () => {
    const stage = standing();
    const result = await stage.world.until(
      stage.locks.using("42", { wait: "1s" }, async (got, signal) => {
        assert.equal(got.signal, signal);
        assert.equal(stage.asked("DELETE", "/s-1-0").length, 0);
        return got.fence;
      }),
    );
    assert.equal(result, "65536");
    assert.equal(stage.asked("DELETE", "/s-1-0").length, 1);
    assert.equal(await stage.world.until(stage.locks.using("42", () => 7)), 7);
  });

  it("gives the lock back when the work throws, and throws that", async () => {
    const stage = standing();
    const failure = new Error("the work failed");
    const used = stage.locks.using("42", () => {
      throw failure;
    });
    await assert.rejects(stage.world.until(used), failure);
    assert.equal(stage.asked("DELETE", "/s-1-0").length, 1);
  });

  it("does not run the work where the lock is held", async () => {
    const stage = new Stage();
    stage.sidecar = () => problem(423, "lock_held", { holder: "other", waiting: 2 });
    const used = stage.locks.using("42", () => assert.fail("it ran"));
    await assert.rejects(stage.world.until(used), (error: unknown) => {
      assert.ok(HoldfastError.is(error, "lock_held"));
      assert.equal(error.facts.holder, "other");
      assert.equal(error.facts.waiting, 2);
      assert.equal(error.message, "It is lock_held.");
      return true;
    });
  });

  it("is told when the lock is lost, and says so where the work ended all the same", async () => {
    const stage = new Stage();
    stage.sidecar = ({ path }) => (path.endsWith("/acquire") ? grant() : never);
    let endedAtMs = 0;
    const used = stage.locks.using("42", async (got, signal) => {
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      assert.equal(got.isHeld, false);
      endedAtMs = stage.world.nowMs;
      return "done";
    });
    await assert.rejects(stage.world.until(used), { code: "grant_lost" });
    assert.ok(endedAtMs >= 9_000 && endedAtMs < 9_010);
    // It is over, but the sidecar may not know: it is told, and not waited for.
    assert.ok(stage.world.nowMs < 9_020);
    stage.sidecar = () => released;
    await stage.world.pass(30_000);
    assert.ok(stage.asked("DELETE", "/s-1-0").length > 0);
  });

  it("whose release is not confirmed gives its result all the same, and goes on releasing", async () => {
    const stage = standing();
    stage.sidecar = ({ method }) => (method === "DELETE" ? lost : grant());
    assert.equal(await stage.world.until(stage.locks.using("42", () => 7)), 7);
    assert.equal(stage.warnings.length, 1);
    assert.equal(stage.warnings[0]?.code, "outcome_unknown");
    const asked = stage.asked("DELETE", "/s-1-0").length;
    stage.sidecar = () => released;
    await stage.world.pass(10_000);
    assert.equal(stage.asked("DELETE", "/s-1-0").length, asked + 1);
  });
});

describe("a release", () => {
  it("is repeated until it is confirmed, and done once", async () => {
    const stage = standing();
    const got = await stage.world.until(stage.locks.acquire("42"));
    let fails = 3;
    const failures = [lost, refused, problem(504, "outcome_unknown")];
    stage.sidecar = () => failures[--fails] ?? released;
    const [one, two] = [got.release(), got.release()];
    assert.equal(one, two);
    await stage.world.until(one);
    assert.equal(stage.asked("DELETE", "/s-1-0").length, 4);
    await stage.world.until(got.release());
    assert.equal(stage.asked("DELETE", "/s-1-0").length, 4);
  });

  it("is over when the sidecar has no such grant any more", async () => {
    for (const code of ["grant_lost", "grant_not_found"]) {
      const stage = standing();
      const got = await stage.world.until(stage.locks.acquire("42"));
      stage.sidecar = () => problem(code === "grant_lost" ? 409 : 404, code);
      await stage.world.until(got.release());
    }
  });

  it("ends when the grant has ended by itself, and is given up after ten minutes where it does not", async () => {
    for (const [hold, atMs] of [
      ["ttl", 32_000],
      ["session", 610_000],
    ] as const) {
      const stage = new Stage();
      const ttl = hold === "ttl" ? {} : { ttl: undefined, expiresIn: undefined };
      stage.sidecar = ({ path }) => (path.endsWith("/acquire") ? grant({ hold, ...ttl }) : refused);
      const got = await stage.world.until(stage.locks.acquire("42", { hold }));
      await assert.rejects(stage.world.until(got.release()), { code: "outcome_unknown" });
      await stage.world.run(atMs);
      const asked = stage.got.length;
      await stage.world.pass(600_000);
      assert.equal(stage.got.length, asked);
      assert.equal(stage.warnings.length, hold === "ttl" ? 0 : 1);
    }
  });
});

describe("a client that closes", () => {
  it("in the very turn in which a lock is granted gives it back", async () => {
    for (let steps = 0; steps < 40; steps++) {
      const stage = new Stage();
      stage.sidecar = ({ method }) => (method === "DELETE" ? released : grant());
      stage.onAnswer = () => {
        stage.onAnswer = () => undefined;
        // So many promises move on before it closes.
        let moved = Promise.resolve();
        for (let step = 0; step < steps; step++) moved = moved.then(() => undefined);
        void moved.then(() => stage.office.close());
      };
      const acquired = stage.locks.acquire("42").catch(() => undefined);
      await stage.world.pass(60_000);
      const got = await acquired;
      assert.equal(stage.asked("DELETE", "/s-1-0").length, 1, `${steps} steps after`);
      assert.ok(got?.isHeld !== true, `it is held ${steps} steps after`);
    }
  });

  it("ends waits, gives back what is held, and what comes late", async () => {
    const stage = standing();
    const got = await stage.world.until(stage.locks.acquire("42"));
    stage.sidecar = ({ method }) => (method === "DELETE" ? released : never);
    const waiting = stage.locks.acquire("43", { wait: "1m" });
    waiting.catch(() => undefined);
    await stage.world.pass(10);
    const closing = stage.office.close();
    await assert.rejects(stage.world.until(waiting), { code: "client_closed" });
    await stage.world.until(closing);
    assert.ok(HoldfastError.is(got.signal.reason, "client_closed"));
    assert.equal(stage.asked("DELETE", "/s-1-0").length, 1);
    assert.ok(stage.hungUp);
    assert.ok(stage.world.nowMs < 100);
    await assert.rejects(stage.locks.acquire("44"), { code: "client_closed" });
    assert.equal(stage.office.close(), closing);
  });

  it("waits for a silent sidecar for five seconds, and tells what it gave up", async () => {
    const stage = standing();
    await stage.world.until(stage.locks.acquire("42"));
    stage.sidecar = () => lost;
    await stage.world.until(stage.office.close());
    assert.ok(stage.world.nowMs >= 5_000 && stage.world.nowMs < 8_000);
    assert.ok(stage.warnings.length > 0);
  });
});

describe("looking at locks", () => {
  it("asks once more when the answer was lost", async () => {
    const stage = new Stage();
    let fails = 1;
    const lock = { lock: "orders/42", holders: [], waiters: [] };
    stage.sidecar = () => (fails-- > 0 ? lost : json(200, lock));
    assert.deepEqual(await stage.world.until(stage.locks.get("42")), lock);
    stage.sidecar = () => lost;
    await assert.rejects(stage.world.until(stage.locks.get("42")), { code: "outcome_unknown" });
  });

  it("lists page by page", async () => {
    const stage = new Stage();
    const page = { pool: "orders", totals: { names: 0, held: 0, waiting: 0 }, locks: [] };
    stage.sidecar = () => json(200, page);
    const options = { prefix: "a&b", limit: 10, continue: undefined };
    assert.deepEqual(await stage.world.until(stage.locks.list(options)), page);
    assert.equal(stage.got[0]?.path, "/v1/locks/orders");
    assert.deepEqual(stage.got[0].fields, { prefix: "a&b", limit: "10" });
  });

  it("tries: undefined where somebody else holds it, and throws what else there is", async () => {
    const stage = new Stage();
    stage.sidecar = () => problem(423, "lock_held");
    assert.equal(await stage.world.until(stage.locks.tryAcquire("42")), undefined);
    stage.sidecar = () => problem(404, "pool_not_found", { pool: "orders" });
    const missing = { code: "pool_not_found", status: 404 };
    await assert.rejects(stage.world.until(stage.locks.tryAcquire("42")), missing);
    stage.sidecar = () => grant();
    assert.ok((await stage.world.until(stage.locks.tryAcquire("42")))?.isHeld);
  });
});
