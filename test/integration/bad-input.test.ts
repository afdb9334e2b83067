import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import type { ProblemCode } from "#api/problems.ts";
import { EtcdServer } from "../support/etcd-server.ts";
import type { Answer, Sent } from "../support/http-client.ts";
import { acquire, acquireSet, hold, queued, release } from "../support/lock-calls.ts";
import { eventually } from "../support/poll.ts";
import { mutex, SidecarProcess } from "../support/sidecar-process.ts";

interface Case {
  readonly what: string;
  readonly query?: string;
  readonly sent?: Sent;
  readonly code?: ProblemCode;
  readonly status?: number;
  readonly field: string;
  readonly says: RegExp;
}

const json = { "Content-Type": "application/json" };

/** All of an acquire of orders/42. */
const cases: readonly Case[] = [
  { what: "a duration without unit", query: "?wait=5", field: "wait", says: /'5'.*duration/ },
  { what: "a duration of words", query: "?ttl=soon", field: "ttl", says: /'soon'/ },
  { what: "a negative duration", query: "?wait=-5s", field: "wait", says: /-5s/ },
  { what: "a ttl below its least", query: "?ttl=1ms", field: "ttl", says: /100ms/ },
  { what: "a ttl above the pool's maxTtl", query: "?ttl=2h", field: "ttl", says: /maxTtl/ },
  { what: "an unknown mode", query: "?mode=shard", field: "mode", says: /'shard'.*exclusive/ },
  { what: "permits that are no number", query: "?permits=two", field: "permits", says: /two/ },
  { what: "no permits", query: "?permits=0", field: "permits", says: /0/ },
  { what: "an unknown hold", query: "?hold=forever", field: "hold", says: /'forever'/ },
  { what: "a ttl where there is none", query: "?hold=session&ttl=5s", field: "ttl", says: /hold/ },
  { what: "an empty holder", query: "?holder=", field: "holder", says: /holder/ },
  { what: "an unknown field, with the nearest", query: "?wiat=5s", field: "wiat", says: /wait/ },
  { what: "a field twice", query: "?wait=5s&wait=6s", field: "wait", says: /twice/ },
  {
    what: "metadata in the query",
    query: "?metadata=a",
    field: "metadata",
    says: /cannot stand in the query/,
  },
  { what: "broken percent-encoding", query: "?holder=%zz", field: "holder", says: /percent/ },
  {
    what: "JSON that is none, with line and column",
    sent: { headers: json, body: '{"wait":\n 5s}' },
    field: "body",
    says: /line 2, column \d+/,
  },
  {
    what: "a body that is no object",
    sent: { headers: json, body: "[1]" },
    field: "body",
    says: /object/,
  },
  {
    what: "an unknown field in the body",
    sent: { body: { tll: "5s" } },
    field: "tll",
    says: /ttl/,
  },
  { what: "a number for a duration", sent: { body: { wait: 5 } }, field: "wait", says: /5/ },
  {
    what: "metadata that is no text",
    sent: { body: { metadata: { a: 1 } } },
    field: "metadata.a",
    says: /1/,
  },
  {
    what: "bytes that are no UTF-8",
    sent: { headers: json, body: Buffer.from([0x7b, 0xff, 0x7d]) },
    field: "body",
    says: /UTF-8/,
  },
  {
    what: "mode shared of a mutex",
    query: "?mode=shared",
    field: "mode",
    says: /'shared' is for pools with mode ReadWrite, and 'orders' has mode Mutex/,
  },
  {
    what: "several permits of a mutex",
    query: "?permits=2",
    field: "permits",
    says: /pools with mode Semaphore/,
  },
  {
    what: "hold connection without a stream",
    query: "?hold=connection",
    field: "hold",
    says: /'connection' lives by the event stream.*Accept: text\/event-stream/,
  },
  {
    what: "hold connection with a ttl",
    query: "?hold=connection&ttl=1s",
    sent: { headers: { Accept: "text/event-stream" } },
    field: "ttl",
    says: /only a grant with hold 'ttl' has one/,
  },
  { what: "an empty owner", query: "?owner=", field: "owner", says: /owner.*empty/ },
  {
    what: "a guarded write, by name",
    sent: { headers: { "Holdfast-Grant": "g" } },
    code: "not_supported",
    field: "Holdfast-Grant",
    says: /not supported yet/,
  },
];

describe("bad input", function () {
  this.timeout(60_000);
  let etcd: EtcdServer;
  let sidecar: SidecarProcess;

  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
    sidecar = await SidecarProcess.start({
      etcd: etcd.endpoint,
      resources: [
        mutex("orders", "limits: {wait: 1h}"),
        mutex("few-waiters", "limits: {waitersPerLock: 2}"),
        mutex("few-names", "limits: {names: 2}"),
        mutex("few-grants", "limits: {grantsPerPod: 2}"),
        mutex("short-wait", "limits: {wait: 5s}"),
        mutex("small-metadata", "limits: {metadataBytes: 20}"),
      ],
    });
  });

  after(async () => {
    await sidecar[Symbol.asyncDispose]();
    await etcd[Symbol.asyncDispose]();
  });

  afterEach(async () => {
    // Whatever was refused, nothing was taken.
    const { body } = await sidecar.api.get("/v1/session");
    assert.equal(body["grants"], 0);
  });

  for (const { what, query = "", sent, code = "malformed", field, says } of cases) {
    it(`is refused with 400 and named: ${what}`, async () => {
      const answer = await sidecar.api.post(`/v1/locks/orders/42/acquire${query}`, sent);
      assert.equal(answer.status, 400, answer.text);
      assert.equal(answer.body["code"], code);
      assert.equal(answer.body["field"], field);
      assert.match(String(answer.body["detail"]), says);
      assert.ok(String(answer.body["detail"]).includes(field));
    });
  }

  it("names an unknown pool with 404, in every operation on locks", async () => {
    const answers = await Promise.all([
      sidecar.api.post("/v1/locks/nowhere/1/acquire"),
      sidecar.api.get("/v1/locks/nowhere/1"),
      sidecar.api.get("/v1/locks/nowhere"),
    ]);
    for (const { status, body } of answers) {
      assert.equal(status, 404);
      assert.equal(body["code"], "pool_not_found");
      assert.equal(body["pool"], "nowhere");
    }
    assert.equal((await sidecar.api.get("/v1/nothing")).body["code"], "not_found");
  });

  it("refuses names that no pool and no lock can have", async () => {
    const names = [
      ["Orders/1", "pool"],
      ["orders/%00", "name"],
      ["orders/%0a", "name"],
      [`orders/${"%C3%A4".repeat(257)}`, "name"],
      ["orders/%ff", "name"],
    ];
    for (const [lock = "", field] of names) {
      const answer = await acquire(sidecar, lock);
      assert.equal(answer.status, 400, `${lock}: ${answer.text}`);
      assert.equal(answer.body["field"], field);
    }
  });

  it("refuses a body, a request line and headers that are too large, each with its bound", async () => {
    const path = "/v1/locks/orders/42/acquire";
    const large = await sidecar.api.post(path, { body: { holder: "x".repeat(70_000) } });
    assert.equal(large.status, 413);
    assert.deepEqual([large.body["limit"], large.body["max"]], ["body", 65_536]);
    const line = await sidecar.api.post(`${path}?holder=${"x".repeat(9_000)}`);
    assert.equal(line.status, 414);
    assert.equal(line.body["limit"], "uri");
    const headers = await sidecar.api.post(path, { headers: { "X-Long": "x".repeat(20_000) } });
    assert.equal(headers.status, 431);
    const form = await sidecar.api.post(path, {
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      body: "wait=5s",
    });
    assert.equal(form.status, 415);
    const wrong = await sidecar.api.call("PATCH", path);
    assert.equal(wrong.status, 405);
    assert.equal(wrong.headers["allow"], "POST");
  });

  it("refuses what a web page could send: another Host, another site's fetch, a form", async () => {
    const path = "/v1/locks/orders/42/acquire";
    const tries: [Record<string, string>, ProblemCode][] = [
      [{ Host: "evil.example" }, "forbidden_host"],
      [{ Host: "localhost.evil.example:4653" }, "forbidden_host"],
      [{ Origin: "https://evil.example" }, "cross_site"],
      [{ "Sec-Fetch-Site": "cross-site" }, "cross_site"],
      [{ "Sec-Fetch-Site": "same-site" }, "cross_site"],
    ];
    for (const [headers, code] of tries) {
      const answer = await sidecar.api.post(path, { headers });
      assert.equal(answer.status, 403);
      assert.equal(answer.body["code"], code);
      assert.equal((await sidecar.api.get("/v1/session", { headers })).status, 403);
    }
    for (const host of ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:4653", "localhost."])
      assert.equal((await sidecar.api.get("/v1/session", { headers: { Host: host } })).status, 200);
  });

  it("accepts further Host names where an option says so", async () => {
    await using other = await SidecarProcess.start({
      etcd: etcd.endpoint,
      env: { HOLDFAST_ALLOWED_HOSTS: "holdfast,sidecar.internal" },
    });
    const status = async (host: string) =>
      (await other.api.get("/v1/session", { headers: { Host: host } })).status;
    assert.equal(await status("holdfast:4653"), 200);
    assert.equal(await status("sidecar.internal"), 200);
    assert.equal(await status("other"), 403);
  });

  it("refuses one waiter too many with 429, naming the limit", async () => {
    const lock = "few-waiters/1";
    const held = await hold(sidecar, lock);
    const waits = [hold(sidecar, lock, { wait: "1m" }), hold(sidecar, lock, { wait: "1m" })];
    await queued(sidecar, lock, 2);
    const answer = await acquire(sidecar, lock, { wait: "1m" });
    assert.equal(answer.status, 429);
    assert.equal(answer.body["code"], "too_many_waiters");
    assert.deepEqual([answer.body["limit"], answer.body["value"]], ["waitersPerLock", 2]);
    assert.match(String(answer.body["detail"]), /spec\.limits\.waitersPerLock/);
    // Who only tries waits for nothing.
    assert.equal((await acquire(sidecar, lock)).status, 423);
    await release(sidecar, held);
    for (const wait of waits) await release(sidecar, await wait);
  });

  it("refuses one waiter too many also where the others wait behind another sidecar", async () => {
    await using other = await SidecarProcess.start({ etcd: etcd.endpoint });
    await using third = await SidecarProcess.start({ etcd: etcd.endpoint });
    const lock = "few-waiters/2";
    const held = await hold(sidecar, lock);
    const waits = [hold(other, lock, { wait: "1m" }), hold(other, lock, { wait: "1m" })];
    await eventually("the second of them to be seen behind the first", async () => {
      const { waiters } = (await third.api.get(`/v1/locks/${lock}`)).body as {
        waiters: { localWaiters: number }[];
      };
      return waiters[0]?.localWaiters === 1;
    });
    const refused = await acquire(third, lock, { wait: "1m" });
    assert.equal(refused.status, 429);
    assert.equal(refused.body["limit"], "waitersPerLock");
    await release(sidecar, held);
    for (const wait of waits) await release(other, await wait);
  });

  it("says how many were asked for, and when to retry only where that can help", async () => {
    const toldOf = async (asked: Promise<Answer>, ...facts: string[]) => {
      const { status, headers, body, text } = await asked;
      assert.equal(status, 429, text);
      const of = [body["code"], ...facts.map((fact) => body[fact])];
      return { of, retry: headers["retry-after"], says: String(body["detail"]) };
    };
    const named = (pool: string, count: number) =>
      Array.from({ length: count }, (_, at) => `${pool}/of-${String(at)}`);
    for (const [pool, code, says] of [
      ["few-names", "too_many_names", /^5 locks .*may have 2, its limit .*, and has 0\. Ask for/],
      ["few-grants", "too_many_grants", /^5 grants .*may hold 2, its limit .*, and holds 0\. Ask/],
    ] as const) {
      const set = acquireSet(sidecar, named(pool, 5));
      const told = await toldOf(set, "value", "asked", "inUse");
      assert.deepEqual([told.of, told.retry], [[code, 2, 5, 0], undefined]);
      assert.match(told.says, says);
      assert.doesNotMatch(told.says, /Retry/);
    }
    const one = await hold(sidecar, "few-names/one");
    const two = await toldOf(acquireSet(sidecar, named("few-names", 2)), "value", "asked", "inUse");
    assert.deepEqual([two.of, two.retry], [["too_many_names", 2, 2, 1], "1"]);
    assert.match(two.says, /has 1 locks in use, and may have 2, .*: 2 more\. Retry later/);
    await release(sidecar, one);
    const wait = await toldOf(acquire(sidecar, "short-wait/1", { wait: "6s" }));
    const metadata = { metadata: { a: "0123456789012345678" } };
    const large = sidecar.api.post("/v1/locks/small-metadata/1/acquire", { body: metadata });
    const many = await toldOf(acquireSet(sidecar, named("orders", 33)), "limit", "max");
    assert.deepEqual(
      [wait.retry, (await toldOf(large)).retry, many.retry],
      Array(3).fill(undefined),
    );
    assert.deepEqual(many.of, ["too_many_locks", "locksPerRequest", 32]);
  });

  it("refuses one name, one grant, a wait and metadata past their limits, each by its name", async () => {
    const names = [await hold(sidecar, "few-names/1"), await hold(sidecar, "few-names/2")];
    const name = await acquire(sidecar, "few-names/3");
    assert.deepEqual(
      [name.status, name.body["code"], name.body["limit"], name.body["value"]],
      [429, "too_many_names", "names", 2],
    );
    const grants = [await hold(sidecar, "few-grants/1"), await hold(sidecar, "few-grants/2")];
    const grant = await acquire(sidecar, "few-grants/3");
    assert.deepEqual(
      [grant.status, grant.body["code"], grant.body["limit"], grant.body["value"]],
      [429, "too_many_grants", "grantsPerPod", 2],
    );
    const wait = await acquire(sidecar, "short-wait/1", { wait: "6s" });
    assert.deepEqual(
      [wait.status, wait.body["code"], wait.body["limit"]],
      [429, "wait_too_long", "wait"],
    );
    const body = { metadata: { a: "0123456789012345678" } };
    const metadata = await sidecar.api.post("/v1/locks/small-metadata/1/acquire", { body });
    assert.deepEqual(
      [metadata.status, metadata.body["code"], metadata.body["limit"]],
      [429, "metadata_too_large", "metadataBytes"],
    );
    for (const held of [...names, ...grants]) await release(sidecar, held);
    await release(sidecar, await hold(sidecar, "few-names/3"));
    await release(sidecar, await hold(sidecar, "few-grants/3"));
  });
});
