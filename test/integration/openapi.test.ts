import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { openapi } from "#api/generated/openapi.ts";
import type { OperationId } from "#api/operations/operations.ts";
import { operationIds, statusesOf } from "../support/contract.ts";
import { EventStream } from "../support/event-stream.ts";
import { EtcdServer } from "../support/etcd-server.ts";
import type { Answer } from "../support/http-client.ts";
import { acquire, acquireSet, hold, release, type Held } from "../support/lock-calls.ts";
import { mutex, SidecarProcess } from "../support/sidecar-process.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

type Provoke = () => Promise<Pick<Answer, "status" | "text">>;
type Provocations = Readonly<Record<number, Provoke>>;

/** What no test from outside can bring about, for each operation; nothing else may be missing. */
const unseen: Readonly<Record<number, string>> = {
  405: "belongs to a path, not to an operation; seen for each path below",
  500: "only a bug answers so",
};
const unseenOfStatus: Readonly<Record<number, string>> = {
  ...unseen,
  404: "their paths have no part that could be unknown",
  429: "10,000 requests at once: test/unit/sidecar/http",
  503: "they answer also while nothing else does; a draining sidecar takes no new connection",
};
const busy = { 429: "10,000 requests at once: test/unit/sidecar/http" };
const missing: Readonly<Record<OperationId, Readonly<Record<number, string>>>> = {
  acquireLock: unseen,
  acquireLockSet: unseen,
  getGrant: { ...unseen, ...busy },
  renewGrant: { ...unseen, ...busy },
  releaseGrant: { ...unseen, ...busy },
  releaseHolder: {
    ...unseenOfStatus,
    503: "where nothing is held there is nothing to ask etcd; else it was sent: 504",
  },
  getLock: { ...unseen, ...busy },
  listLocks: { ...unseen, ...busy },
  watchGrant: { ...unseen, ...busy },
  watchLock: { ...unseen, ...busy, 503: "a stream that etcd does not feed says so as an event" },
  listResources: unseenOfStatus,
  getSession: unseenOfStatus,
  getOpenapi: unseenOfStatus,
};

const requests: Readonly<Record<OperationId, readonly [method: string, path: string]>> = {
  acquireLock: ["POST", "/v1/locks/orders/1/acquire"],
  acquireLockSet: ["POST", "/v1/lock-sets/acquire"],
  getGrant: ["GET", "/v1/grants/g"],
  renewGrant: ["POST", "/v1/grants/g/renew"],
  releaseGrant: ["DELETE", "/v1/grants/g"],
  releaseHolder: ["DELETE", "/v1/grants"],
  getLock: ["GET", "/v1/locks/orders/1"],
  listLocks: ["GET", "/v1/locks/orders"],
  watchGrant: ["GET", "/v1/grants/g/events"],
  watchLock: ["GET", "/v1/locks/orders/1/events"],
  listResources: ["GET", "/v1/resources"],
  getSession: ["GET", "/v1/session"],
  getOpenapi: ["GET", "/openapi.json"],
};

/** Of a session that is not this sidecar's: it has to ask etcd. */
const foreign = `${"0".repeat(20)}-0000000001-0`;
const holder = "?holder=h";

describe("the contract", function () {
  this.timeout(60_000);
  let etcd: EtcdServer;
  let sidecar: SidecarProcess;
  /** Its etcd is gone. */
  let dark: SidecarProcess;
  /** Its etcd hears, and is not heard. */
  let mute: SidecarProcess;
  let released: Held;
  let unsure: Held;
  const answers = new Map<string, Pick<Answer, "status" | "text"> | Error>();

  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
    const resources = [mutex("orders", "limits: {wait: 5s}")];
    sidecar = await SidecarProcess.start({ etcd: etcd.endpoint, resources });
    released = await hold(sidecar, "orders/released", { requestId: "r" });
    await release(sidecar, released);
    await acquireSet(sidecar, ["orders/set-3", "orders/set-4"], { requestId: "s", ttl: "100ms" });

    await using gone = await TcpProxy.before(etcd.endpoint);
    await using first = await SidecarProcess.start({ etcd: gone.endpoint, resources });
    await using deaf = await TcpProxy.before(etcd.endpoint);
    // A session that outlives the test: what is lost with it is known.
    await using second = await SidecarProcess.start({
      ...{ etcd: deaf.endpoint, resources },
      sessionTtl: "5m",
    });
    [dark, mute] = [first, second];
    unsure = await hold(mute, "orders/unsure");
    await hold(mute, "orders/held", { holder: "h" });
    await gone.refuse();
    gone.reset();
    deaf.cutAnswers();
    // Some answers take seconds by nature, so all operations are asked at the same time.
    await Promise.all(operationIds.map(provokeAll));
  });

  after(async () => {
    await sidecar[Symbol.asyncDispose]();
    await etcd[Symbol.asyncDispose]();
  });

  /** From the lowest status to the highest: what takes the lock comes before what finds it taken. */
  const provokeAll = async (id: OperationId): Promise<void> => {
    for (const [status, provoke] of Object.entries({ ...forAll(id), ...special[id] })) {
      const answer = await provoke().catch((error: unknown) => error as Error);
      answers.set(`${id} ${status}`, answer);
    }
  };

  /** What any operation can be answered with, however right its fields are. */
  const forAll = (id: OperationId): Provocations => {
    const [method, path] = requests[id];
    const ask = (more: object, query = "") => sidecar.api.call(method, `${path}${query}`, more);
    const json = { "Content-Type": "application/json" };
    return {
      400: () => ask({}, "?nonsense=1"),
      403: () => ask({ headers: { Host: "evil.example" } }),
      413: () => ask({ headers: json, body: `"${"x".repeat(70_000)}"` }),
      414: () => ask({}, `?holder=${"x".repeat(9_000)}`),
      415: () => ask({ headers: { "Content-Type": "text/plain" }, body: "x" }),
      431: () => ask({ headers: { "X-Long": "x".repeat(20_000) } }),
    };
  };

  /** A stream that has said something, and was closed. */
  const begun = async (path: string): Promise<Pick<Answer, "status" | "text">> => {
    await using stream = await EventStream.open(sidecar.api, "GET", path);
    await stream.any();
    return { status: 200, text: "" };
  };

  const grants = (call: (on: SidecarProcess, id: string) => Promise<Answer>): Provocations => ({
    404: () => call(sidecar, "nonsense"),
    409: () => call(sidecar, released.id),
    503: () => call(dark, foreign),
  });

  const special: Readonly<Record<OperationId, Provocations>> = {
    acquireLock: {
      200: () => acquire(sidecar, "orders/taken"),
      404: () => acquire(sidecar, "nowhere/1"),
      409: () => acquire(sidecar, "orders/released", { requestId: "r" }),
      423: () => acquire(sidecar, "orders/taken"),
      429: () => acquire(sidecar, "orders/1", { wait: "1m" }),
      503: () => acquire(dark, "orders/1"),
      504: () => acquire(mute, "orders/1", { wait: "100ms" }),
    },
    acquireLockSet: {
      200: () => acquireSet(sidecar, ["orders/set-1", "orders/set-2"]),
      404: () => acquireSet(sidecar, ["orders/set-3", "nowhere/1"]),
      409: () => acquireSet(sidecar, ["orders/set-3"], { requestId: "s" }),
      423: () => acquireSet(sidecar, ["orders/set-3", "orders/set-1"]),
      429: () => acquireSet(sidecar, ["orders/set-3"], { wait: "1m" }),
      503: () => acquireSet(dark, ["orders/set-3"]),
      504: () => acquireSet(mute, ["orders/set-3"], { wait: "100ms" }),
    },
    getGrant: {
      200: async () => {
        const { id } = await hold(sidecar, "orders/got");
        return sidecar.api.get(`/v1/grants/${id}`);
      },
      ...grants((on, id) => on.api.get(`/v1/grants/${id}`)),
    },
    renewGrant: {
      200: async () => {
        const { id } = await hold(sidecar, "orders/renewed");
        return sidecar.api.post(`/v1/grants/${id}/renew`);
      },
      ...grants((on, id) => on.api.post(`/v1/grants/${id}/renew`)),
    },
    releaseGrant: {
      204: () => sidecar.api.delete(`/v1/grants/${released.id}`),
      404: () => sidecar.api.delete("/v1/grants/nonsense"),
      409: async () => {
        const lost = await hold(sidecar, "orders/expired", { ttl: "100ms" });
        await release(sidecar, await hold(sidecar, "orders/expired", { wait: "5s" }));
        return sidecar.api.delete(`/v1/grants/${lost.id}`);
      },
      503: () => dark.api.delete(`/v1/grants/${foreign}`),
      504: () => mute.api.delete(`/v1/grants/${unsure.id}`),
    },
    releaseHolder: {
      200: () => sidecar.api.delete(`/v1/grants${holder}`),
      504: () => mute.api.delete(`/v1/grants${holder}`),
    },
    getLock: {
      200: () => sidecar.api.get("/v1/locks/orders/taken"),
      404: () => sidecar.api.get("/v1/locks/nowhere/1"),
      503: () => dark.api.get("/v1/locks/orders/1"),
    },
    listLocks: {
      200: () => sidecar.api.get("/v1/locks/orders"),
      404: () => sidecar.api.get("/v1/locks/nowhere"),
      503: () => dark.api.get("/v1/locks/orders"),
    },
    watchGrant: {
      200: async () => {
        const { id } = await hold(sidecar, "orders/watched");
        return begun(`/v1/grants/${id}/events`);
      },
      ...grants((on, id) => on.api.get(`/v1/grants/${id}/events`)),
    },
    watchLock: {
      200: () => begun("/v1/locks/orders/1/events"),
      404: () => sidecar.api.get("/v1/locks/nowhere/1/events"),
    },
    listResources: { 200: () => sidecar.api.get("/v1/resources") },
    getSession: { 200: () => sidecar.api.get("/v1/session") },
    getOpenapi: { 200: () => sidecar.api.get("/openapi.json") },
  };

  it("is served as it was generated", async () => {
    const { body } = await sidecar.api.get("/openapi.json");
    assert.deepEqual(body, JSON.parse(JSON.stringify(openapi)));
    assert.equal(body["openapi"], "3.1.1");
    assert.deepEqual(Object.keys(requests).sort(), [...operationIds].sort());
  });

  for (const id of operationIds) {
    // Every answer is held against its schema by the client of the sidecar process.
    it(`is kept by ${id}, for every status that can be brought about`, () => {
      const seen: number[] = [];
      for (const [asked, answer] of answers) {
        const [of, status] = asked.split(" ");
        if (of !== id) continue;
        if (answer instanceof Error) throw answer;
        assert.equal(answer.status, Number(status), `${asked}: ${answer.text}`);
        seen.push(answer.status);
      }
      const left = Object.keys(missing[id]).map(Number);
      const numeric = (x: number, y: number) => x - y;
      assert.deepEqual([...seen, ...left].sort(numeric), [...statusesOf(id)].sort(numeric));
    });
  }

  it("is kept for every path that is asked with a method that it does not take", async () => {
    for (const [, path] of Object.values(requests)) {
      const answer = await sidecar.api.call("PUT", path);
      assert.equal(answer.status, 405);
      assert.ok(String(answer.headers["allow"]).length > 0);
    }
  });

  it("is kept by HEAD, which answers as GET without a body", async () => {
    for (const path of ["/v1/session", "/v1/resources", "/openapi.json", "/v1/locks/orders"]) {
      const [head, got] = [await sidecar.api.call("HEAD", path), await sidecar.api.get(path)];
      assert.equal(head.status, got.status);
      assert.equal(head.headers["content-type"], got.headers["content-type"]);
      assert.equal(head.text, "");
    }
  });
});
