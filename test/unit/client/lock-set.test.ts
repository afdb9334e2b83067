import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { HoldfastError } from "#client/error.ts";
import { LockSet, type LockWanted } from "#client/lock-set.ts";
import { json, lost, never, problem, released, Stage, type Fate } from "./stage.ts";

const accounts: readonly LockWanted[] = [
  { pool: "accounts", name: "1" },
  { pool: "documents", name: "a/b", mode: "shared" },
  { pool: "licences", name: "l", permits: 2 },
];

const fence = "65536";
const held = [
  { lock: "accounts/1", mode: "exclusive", permits: 1, fence },
  { lock: "documents/a/b", mode: "shared", permits: 1, fence },
  { lock: "licences/l", mode: "exclusive", permits: 2, fence },
];

function setGrant(): Fate {
  return json(200, {
    ...{ grantId: "s-1-0", locks: held, fence, hold: "ttl", ttl: "30s", expiresIn: "30s" },
    ...{ guaranteedFor: "9s", acquiredAt: "2026-01-01T00:00:00.000Z", holder: "pod" },
  });
}

function standing(): { readonly stage: Stage; readonly set: LockSet } {
  const stage = new Stage();
  stage.sidecar = ({ method }) => (method === "DELETE" ? released : setGrant());
  return { stage, set: new LockSet(accounts, stage.office) };
}

describe("a set of locks", () => {
  it("is asked for in one request, and given back as one", async () => {
    const { stage, set } = standing();
    const options = { wait: "1s", holder: "transfer", metadata: { job: "7" } };
    const result = await stage.world.until(
      set.using(options, (grant, signal) => {
        assert.equal(grant.signal, signal);
        assert.deepEqual(grant.locks, held);
        assert.equal(grant.fence, fence);
        return 7;
      }),
    );
    assert.equal(result, 7);
    const [asked] = stage.asked("POST", "/v1/lock-sets/acquire");
    const { requestId, ...fields } = asked?.fields ?? {};
    assert.equal(typeof requestId, "string");
    assert.deepEqual(fields, { locks: accounts, ...options });
    assert.equal(stage.asked("DELETE", "/s-1-0").length, 1);
    assert.equal(await stage.world.until(set.using(() => 8)), 8);
  });

  it("is asked for again with the same id where an answer is lost", async () => {
    const { stage, set } = standing();
    let asked = 0;
    stage.sidecar = ({ path }) => (path.endsWith("/acquire") && asked++ === 0 ? lost : setGrant());
    await stage.world.until(set.acquire({ wait: "5s" }));
    const [first, second] = stage.asked("POST", "/v1/lock-sets/acquire");
    assert.equal(first?.fields["requestId"], second?.fields["requestId"]);
    assert.deepEqual(first?.fields["locks"], second?.fields["locks"]);
  });

  it("whose wait was left is settled in the background, and given back", async () => {
    const { stage, set } = standing();
    stage.sidecar = () => never;
    const leaving = new AbortController();
    const left = set.acquire({ wait: "10s", signal: leaving.signal });
    await stage.world.pass(100);
    stage.sidecar = ({ path, method }) => {
      if (method === "DELETE") return released;
      return path.endsWith("/acquire") ? setGrant() : never;
    };
    const reason = new Error("no longer needed");
    leaving.abort(reason);
    await assert.rejects(stage.world.until(left), reason);
    await stage.world.pass(60_000);
    assert.ok(stage.asked("DELETE", "/s-1-0").length <= 1);
    await stage.world.until(stage.office.close());
    assert.deepEqual(stage.warnings, []);
  });

  it("is tried, and says which of its locks is held", async () => {
    const { stage, set } = standing();
    stage.sidecar = () => problem(423, "lock_held", { lock: "licences/l", waiting: 0 });
    assert.equal(await stage.world.until(set.tryAcquire()), undefined);
    await assert.rejects(stage.world.until(set.acquire()), (error: unknown) => {
      assert.ok(HoldfastError.is(error, "lock_held"));
      assert.equal(error.facts.lock, "licences/l");
      return true;
    });
    const other = problem(404, "pool_not_found", { pool: "licences" });
    stage.sidecar = () => other;
    await assert.rejects(stage.world.until(set.tryAcquire()), { code: "pool_not_found" });
  });

  it("is lost as one, and says which locks", async () => {
    const { stage, set } = standing();
    stage.sidecar = ({ path }) => (path.endsWith("/acquire") ? setGrant() : never);
    const grant = await stage.world.until(set.acquire());
    await stage.world.until(grant.lost, 20_000);
    assert.ok(grant.signal.aborted && !grant.isHeld);
    assert.match(grant.loss?.message ?? "", /'accounts\/1', 'documents\/a\/b', 'licences\/l'/);
    await stage.world.until(stage.office.close());
  });
});
