import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { HoldfastError } from "#client/error.ts";
import { connect } from "#client/holdfast.ts";
import { LockSet } from "#client/lock-set.ts";
import type { Limits } from "#client/office.ts";
import { grant, json, released, Stage } from "./stage.ts";

/** As from JavaScript. */
type Anything = never;

/** What it throws at once, or rejects with, before anything is asked. */
async function refusal(call: (stage: Stage) => unknown): Promise<HoldfastError> {
  const stage = new Stage();
  stage.sidecar = () => grant();
  const error: unknown = await (async () => {
    await call(stage);
  })().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(HoldfastError.is(error, "malformed"), String(error));
  assert.equal(stage.got.length, 0);
  return error;
}

describe("an option that is wrong", () => {
  it("is refused before anything is asked: by its name, what was given and what may be", async () => {
    const set = ({ office }: Stage) => new LockSet([{ pool: "p", name: "1" }], office);
    const cases: [string, object, RegExp][] = [
      [
        "abortOn",
        { abortOn: "jeopardyy" },
        /'jeopardyy' was given; it may be 'loss' or 'jeopardy'/,
      ],
      ["renew", { renew: "no" }, /'no' was given; it may be true or false/],
      ["hold", { hold: "connection" }, /'connection' was given; it may be 'ttl' or 'session'/],
      ["ttl", { ttl: {} }, /an object was given; it may be a duration/],
      ["ttl", { ttl: "soon" }, /'soon' is no duration/],
      ["wait", { wait: null }, /null was given; it may be a duration/],
      ["wait", { wait: Infinity }, /'Infinity' is no duration/],
      ["owner", { owner: 7 }, /7 was given; it may be text/],
      ["metadata", { metadata: ["a"] }, /a list was given; it may be an object of texts/],
      ["metadata", { metadata: { a: 1 } }, /an object of texts/],
      ["signal", { signal: new AbortController() }, /an object was given; .* an AbortSignal/],
      ["wiat", { wiat: "5s" }, /acquire\(\).* has no such option; it has wait, /],
    ];
    for (const [field, options, says] of cases) {
      for (const call of [
        ({ locks }: Stage) => locks.acquire("42", options),
        (stage: Stage) => set(stage).acquire(options),
      ]) {
        const { facts, message } = await refusal(call);
        assert.equal(facts["field"], field);
        assert.match(message, new RegExp(`^${field}: `));
        assert.match(message, says);
      }
    }
  });

  it("is refused wherever there are options", async () => {
    const cases: [string, (stage: Stage) => unknown][] = [
      ["mode", ({ locks }) => locks.acquire("42", { mode: "shard" as Anything })],
      ["permits", ({ locks }) => locks.acquire("42", { permits: 0 })],
      ["options", ({ locks }) => locks.acquire("42", null as Anything)],
      ["options", ({ locks }) => locks.tryAcquire("42", null as Anything)],
      ["options", ({ locks }) => locks.using("42", "10s" as Anything, () => 7)],
      ["wait", ({ locks }) => locks.tryAcquire("42", { wait: "5s" } as object)],
      ["limit", ({ locks }) => locks.list({ limit: -1 })],
      ["prefix", ({ locks }) => locks.list({ prefix: null as Anything })],
      ["fence", ({ locks }) => locks.forceRelease("42", { fence: 7 as Anything })],
      ["force", ({ locks }) => locks.forceRelease("42", { force: true } as object)],
      [
        "breakGuarantee",
        ({ locks }) => locks.forceRelease("42", { breakGuarantee: "no" as Anything }),
      ],
      [
        "mode",
        ({ office }) =>
          new LockSet([{ pool: "p", name: "1" }], office).acquire({ mode: "shared" } as object),
      ],
    ];
    for (const [field, call] of cases) assert.equal((await refusal(call)).facts["field"], field);
  });

  it("is thrown where there is no promise to reject", () => {
    const { locks, office } = new Stage();
    const field = (name: string) => ({ code: "malformed", facts: { field: name } });
    assert.throws(() => locks.elect("42", { renew: false } as object), field("renew"));
    assert.throws(() => locks.elect("42", { wait: "soon" }), field("wait"));
    assert.throws(
      () => locks.events("42", { singal: AbortSignal.abort() } as object),
      field("singal"),
    );
    assert.throws(() => new LockSet(undefined as Anything, office), field("locks"));
    assert.throws(() => new LockSet([null as Anything], office), field("locks[0]"));
    const first = { pool: "p", name: "1" };
    for (const [wrong, name] of [
      [{ pool: "p" }, "name"],
      [{ ...first, mode: "shard" }, "mode"],
      [{ ...first, mood: "shared" }, "mood"],
      [{ ...first, permits: 1.5 }, "permits"],
    ] as const)
      assert.throws(
        () => new LockSet([first, wrong as Anything], office),
        field(`locks[1].${name}`),
      );
    for (const [wrong, name] of [
      [null, "options"],
      ["http://localhost:1", "options"],
      [{ limits: { acquires: -1 } }, "limits.acquires"],
      [{ limits: { grants: "10" } }, "limits.grants"],
      [{ limits: { waits: 1 } }, "limits.waits"],
      [{ limits: 5 }, "limits"],
      [{ onWarning: "log" }, "onWarning"],
      [{ uri: "http://localhost:1" }, "uri"],
    ] as const)
      assert.throws(() => connect(wrong as Anything), field(name));
  });

  it("is also the work that is not there", async () => {
    const set = ({ office }: Stage) => new LockSet([{ pool: "p", name: "1" }], office);
    for (const call of [
      ({ locks }: Stage) => (locks.using as (name: string) => unknown).call(locks, "42"),
      ({ locks }: Stage) => locks.using("42", { wait: "1s" } as Anything),
      (stage: Stage) => set(stage).using(undefined as Anything),
    ])
      assert.match(
        (await refusal(call)).message,
        /^work: .* was given; using\(\) takes a function/,
      );
  });
});

describe("an option that is undefined", () => {
  const none = Object.fromEntries(
    [
      ...["wait", "ttl", "hold", "mode", "permits", "holder", "owner", "metadata", "requestId"],
      ...["signal", "renew", "abortOn"],
    ].map((name) => [name, undefined]),
  );
  const standing = (): Stage => {
    const stage = new Stage();
    stage.sidecar = ({ method }) => (method === "DELETE" ? released : grant());
    return stage;
  };

  it("of an election is the usual one: a candidate stands in line", async () => {
    const stage = standing();
    const turns = stage.locks.elect("42", {
      wait: undefined,
      holder: undefined,
      signal: undefined,
    });
    assert.ok((await stage.world.until(turns.next())).value?.isHeld);
    assert.equal(stage.got[0]?.fields["wait"], "30s");
    await stage.world.until(turns.return());
  });

  it("of an acquire is unset, and so are options that are", async () => {
    const stage = standing();
    const { locks, office, world } = stage;
    const got = await world.until(locks.acquire("42", none));
    await world.until(got.release());
    assert.equal(await world.until(locks.using("42", undefined, () => 7)), 7);
    const { mode: _mode, permits: _permits, ...ofSet } = none;
    const set = new LockSet(
      [{ pool: "p", name: "1", mode: undefined, permits: undefined }],
      office,
    );
    await world.until((await world.until(set.acquire(ofSet))).release());
    assert.equal(await world.until(set.using(undefined, () => 7)), 7);
    for (const { fields } of stage.asked("POST", "/acquire"))
      assert.deepEqual(
        Object.keys(fields).filter((name) => name !== "locks"),
        ["requestId"],
      );
  });

  it("of a forced release, a list, events and a client is unset", async () => {
    const stage = new Stage();
    stage.sidecar = () => json(200, { locks: [], outcome: "vacant" });
    const { locks, world } = stage;
    const forced = {
      grace: undefined,
      wait: undefined,
      fence: undefined,
      breakGuarantee: undefined,
    };
    await world.until(locks.forceRelease("42", forced));
    await world.until(locks.list({ prefix: undefined, limit: undefined, continue: undefined }));
    assert.deepEqual(
      stage.got.map(({ fields, lane }) => [fields, lane]),
      [
        [{}, "short"],
        [{}, "short"],
      ],
    );
    await locks.events("42", { signal: undefined }).return();
    const limits = { acquires: undefined, grants: undefined } as unknown as Limits;
    const all = { url: undefined, holder: undefined, limits, onWarning: undefined };
    for (const options of [undefined, all, { limits: undefined }]) await connect(options).close();
  });
});
