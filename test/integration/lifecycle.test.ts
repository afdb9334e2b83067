import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { parseDurationMs } from "#api/fields/duration.ts";
import { EtcdGateway } from "../support/etcd-gateway.ts";
import { EtcdServer } from "../support/etcd-server.ts";
import {
  acquire,
  grantOf,
  hold,
  holdersOf,
  queued,
  release,
  waitersOf,
  works,
} from "../support/lock-calls.ts";
import { eventually, inTime } from "../support/poll.ts";
import { brief, mutex, SidecarProcess } from "../support/sidecar-process.ts";
import { together } from "../support/together.ts";

const resources = [mutex("orders")];
/** From the signal to the end of the process. */
const endMs = 2_000;
/** The kubelet's least time for a container that it ends. */
const appKilledMs = 2_000;

describe("the life of a sidecar", function () {
  this.timeout(60_000);
  let etcd: EtcdServer;
  let raw: EtcdGateway;
  let other: SidecarProcess;

  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
    raw = new EtcdGateway(etcd.endpoint);
    other = await start();
  });

  after(async () => {
    await other[Symbol.asyncDispose]();
    await etcd[Symbol.asyncDispose]();
  });

  const start = (more: { sessionTtl?: string; env?: Record<string, string> } = {}) =>
    SidecarProcess.start({ etcd: etcd.endpoint, resources, ...more });
  /** Places in queues, and notes about them. */
  const traces = async () => [
    ...(await raw.under("/holdfast/v1/data/default/locks/orders/")).map(({ key }) => key),
    ...(await raw.under("/holdfast/v1/data/default/inbox/")).map(({ key }) => key),
  ];
  const nothingButThese = (before: readonly string[]) =>
    eventually("no trace more than before", async () =>
      (await traces()).every((key) => before.includes(key)),
    );

  together({
    "killed without a warning frees its locks when its lease ends, and not before its guarantees":
      async () => {
        await using sidecar = await start({ sessionTtl: brief });
        const held = await hold(sidecar, "orders/killed");
        const until = held.askedAt + parseDurationMs(String(held.answer.body["guaranteedFor"]));
        const next = hold(other, "orders/killed", { wait: "1m" });
        await queued(sidecar, "orders/killed", 1);
        await sidecar.kill();
        const granted = await next;
        assert.ok(granted.answeredAt > until);
        assert.ok(granted.fence > held.fence);
        await release(other, granted);
      },

    "ended by SIGTERM leaves to the lease what it guaranteed, ends its waits, and is gone within 2 s":
      async () => {
        await using sidecar = await start({ sessionTtl: "5s" });
        const held = await hold(sidecar, "orders/term");
        const until = held.askedAt + parseDurationMs(String(held.answer.body["guaranteedFor"]));
        const foreign = await hold(other, "orders/foreign");
        const waits = [
          acquire(sidecar, "orders/term", { wait: "1m" }),
          acquire(sidecar, "orders/foreign", { wait: "1m" }),
        ];
        await queued(sidecar, "orders/term", 1);
        await queued(other, "orders/foreign", 1);
        const next = hold(other, "orders/term", { wait: "1m" });
        const startedAt = performance.now();
        const { code } = await sidecar.terminate();
        const tookMs = performance.now() - startedAt;
        assert.equal(code, 0);
        assert.ok(tookMs <= endMs, `it took ${tookMs} ms`);
        for (const wait of waits) {
          const answer = await wait;
          assert.equal(answer.status, 503, answer.text);
          assert.equal(answer.body["code"], "draining");
        }
        // Its place in the other's queue went with it, not with the lease.
        assert.deepEqual(await waitersOf(other, "orders/foreign"), []);
        const granted = await next;
        assert.ok(granted.answeredAt > until, "a stated guarantee binds also the dead");
        await release(other, granted);
        await release(other, foreign);
      },

    "ended by SIGTERM after its app gives on also what was promised for longer, when no app can run any more":
      async () => {
        const env = { HOLDFAST_APP_ENDS_FIRST: "true" };
        await using sidecar = await start({ sessionTtl: "5m", env });
        const held = await hold(sidecar, "orders/ended", { ttl: "1h" });
        const until = held.askedAt + parseDurationMs(String(held.answer.body["guaranteedFor"]));
        const next = hold(other, "orders/ended", { wait: "1m" });
        await queued(other, "orders/ended", 1);
        const askedAt = performance.now();
        const { code } = await sidecar.terminate();
        assert.equal(code, 0);
        const granted = await next;
        assert.ok(granted.answeredAt < until, "it was left to the guarantee");
        // An app whose time is over has two seconds of the kubelet, and so has its sidecar.
        assert.ok(granted.answeredAt - askedAt > appKilledMs, "its app may have been running");
        await release(other, granted);
      },

    "ended by SIGTERM after its app is gone within 2 s where nothing was promised": async () => {
      const env = { HOLDFAST_APP_ENDS_FIRST: "true" };
      await using sidecar = await start({ sessionTtl: "5m", env });
      await release(sidecar, await hold(sidecar, "orders/given-back"));
      const askedAt = performance.now();
      const { code } = await sidecar.terminate();
      assert.equal(code, 0);
      assert.ok(performance.now() - askedAt <= endMs);
    },

    "ended by SIGTERM while etcd is down is gone within 2 s all the same": async () => {
      await using lonely = await EtcdServer.start({ noFsync: true });
      await using sidecar = await SidecarProcess.start({ etcd: lonely.endpoint, resources });
      await hold(sidecar, "orders/1");
      await lonely.pause();
      const startedAt = performance.now();
      const { code } = await sidecar.terminate();
      assert.equal(code, 0);
      assert.ok(performance.now() - startedAt <= endMs);
      lonely.resume();
    },

    "stopped for longer than its ttl never confirms and never hands out anything after waking":
      async () => {
        await using sidecar = await start({ sessionTtl: brief });
        const held = await hold(sidecar, "orders/slept");
        const local = acquire(sidecar, "orders/slept", { wait: "1m", holder: "local" });
        await queued(sidecar, "orders/slept", 1);
        const next = hold(other, "orders/slept", { wait: "1m" });
        await eventually(
          "the other in the queue",
          async () => (await waitersOf(other, "orders/slept")).length > 0,
        );
        await sidecar.pause();
        // Another is granted it only when the lease has ended: by then the sleeper's ttl is over.
        const granted = await next;
        // Sent while it sleeps, answered when it wakes: with no word of a grant.
        const asked = [
          grantOf(sidecar, held),
          sidecar.api.post(`/v1/grants/${held.id}/renew`),
          sidecar.api.delete(`/v1/grants/${held.id}`),
        ];
        const tried = acquire(sidecar, "orders/slept");
        sidecar.resume();
        for (const answer of await Promise.all(asked)) {
          assert.equal(answer.status, 409, answer.text);
          assert.equal(answer.body["reason"], "sessionLost");
        }
        assert.notEqual((await tried).status, 200);
        assert.deepEqual(await holdersOf(other, "orders/slept"), [
          String(granted.answer.body["holder"]),
        ]);
        await release(other, granted);
        const late = await local;
        assert.equal(late.status, 200, "who waited there waits on under the next session");
        assert.ok(BigInt(String(late.body["fence"])) > granted.fence);
      },

    "restarted under its pod's name does not revoke what its earlier life guaranteed": async () => {
      const env = { HOLDFAST_POD: "steady" };
      await using first = await start({ env, sessionTtl: brief });
      const held = await hold(first, "orders/restarted", { hold: "session", holder: "app" });
      const until = held.askedAt + parseDurationMs(String(held.answer.body["guaranteedFor"]));
      await first.kill();
      await using second = await start({ env, sessionTtl: brief });
      const told = await grantOf(second, held);
      assert.equal(told.status, 409);
      assert.equal(told.body["reason"], "sessionLost");
      const granted = await hold(second, "orders/restarted", { wait: "1m" });
      assert.ok(granted.answeredAt > until);
      assert.ok(granted.fence > held.fence);
      await works(other, "orders/other");
    },
  });

  it("ended by SIGTERM frees at once what carries no running guarantee, and its session with it", async () => {
    await using sidecar = await start({ sessionTtl: "1m" });
    const short = await hold(sidecar, "orders/short", { ttl: "100ms" });
    await eventually("the end of the ttl", async () => {
      return (await grantOf(sidecar, short)).status === 409;
    });
    const released = await hold(sidecar, "orders/released");
    await release(sidecar, released);
    // Not by their number: the sessions of sidecars that were killed before may end at any time.
    const [session = ""] = released.id.split("-");
    const itsSession = `/holdfast/v1/data/default/sessions/${session}`;
    assert.equal((await raw.under(itsSession)).length, 1);
    const { code } = await sidecar.terminate();
    assert.equal(code, 0);
    // With a lease of a minute this would take far longer than any test waits.
    await release(other, await hold(other, "orders/short"));
    await release(other, await hold(other, "orders/released"));
    assert.equal((await raw.under(itsSession)).length, 0);
  });

  it("ends the wait of a caller that went away, and leaves nothing of it in etcd", async () => {
    await using sidecar = await start();
    const held = await hold(other, "orders/left");
    const before = await traces();
    const gone = new AbortController();
    const waits = Array.from({ length: 3 }, () =>
      acquire(sidecar, "orders/left", { wait: "1m", signal: gone.signal }).catch(
        (error: unknown) => error,
      ),
    );
    await queued(sidecar, "orders/left", 3);
    gone.abort();
    for (const wait of waits) assert.ok((await wait) instanceof Error);
    await nothingButThese(before);
    assert.deepEqual(await waitersOf(other, "orders/left"), []);
    const metrics = (await sidecar.health.get("/metrics")).text;
    assert.match(metrics, /holdfast_lock_abandoned_total\{pool="orders"\} 3/);
    await release(other, held);
  });

  it("leaves nothing of callers that went away before, while and after they were granted", async () => {
    await using sidecar = await start();
    const before = await traces();
    for (let at = 0; at < 20; at++) {
      const gone = new AbortController();
      // Whose answer was handed to the network cannot be told from one that heard it: its ttl ends that.
      const asked = acquire(sidecar, "orders/races", {
        ttl: "300ms",
        wait: "1m",
        signal: gone.signal,
      }).catch(() => undefined);
      for (let turn = 0; turn < at * 4; turn++) await new Promise((done) => setImmediate(done));
      gone.abort();
      await asked;
    }
    await works(other, "orders/races");
    await nothingButThese(before);
  });

  it("is shown by its probes and its metrics", async () => {
    await using sidecar = await start();
    const probe = async (path: string) => (await sidecar.health.get(path)).status;
    assert.deepEqual(
      await Promise.all(["/startupz", "/livez", "/readyz", "/nothing"].map(probe)),
      [200, 200, 200, 404],
    );
    const held = await hold(sidecar, "orders/counted");
    await acquire(sidecar, "orders/counted");
    const { text, headers } = await sidecar.health.get("/metrics");
    assert.match(String(headers["content-type"]), /^application\/openmetrics-text/);
    assert.ok(text.endsWith("# EOF\n"));
    for (const line of [
      'holdfast_lock_granted_total{pool="orders"} 1',
      'holdfast_lock_held{pool="orders"} 1',
      'holdfast_lock_timed_out_total{pool="orders"} 1',
      'holdfast_session_state{state="held"} 1',
      "holdfast_etcd_reachable 1",
      'holdfast_http_requests_total{operation="acquireLock",status="423"} 1',
    ])
      assert.ok(text.includes(line), `${line} is missing:\n${text}`);
    await release(sidecar, held);
  });

  it("does not begin where its port is taken: it names the port and the option", async () => {
    const { api, health } = other;
    for (const [option, port] of [
      ["HOLDFAST_HTTP_ADDRESS", api.port],
      ["HOLDFAST_HEALTH_ADDRESS", health.port],
    ] as const) {
      await using sidecar = await SidecarProcess.launch({
        etcd: etcd.endpoint,
        resources,
        env: { [option]: `127.0.0.1:${port}` },
      });
      const { code } = await inTime("its end", sidecar.ended);
      assert.equal(code, 1);
      assert.match(sidecar.tail(), new RegExp(`port ${port} is taken.*${option}`));
    }
  });
});
