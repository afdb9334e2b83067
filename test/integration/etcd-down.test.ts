import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { EtcdServer } from "../support/etcd-server.ts";
import type { Answer } from "../support/http-client.ts";
import {
  acquire,
  grantOf,
  hold,
  queued,
  release,
  sessionOf,
  works,
} from "../support/lock-calls.ts";
import { eventually } from "../support/poll.ts";
import { brief, mutex, SidecarProcess } from "../support/sidecar-process.ts";

/** Of 503 and 504: what each claims must be true of it. */
function truthful({ status, text, body }: Answer): boolean {
  const code = body["code"];
  if (status === 504) return code === "outcome_unknown";
  return (
    status === 503 &&
    (code === "backend_unreachable" || code === "session_lost") &&
    text.includes("Nothing was done")
  );
}

describe("an etcd that is down", function () {
  this.timeout(60_000);
  let etcd: EtcdServer;

  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
  });

  after(() => etcd[Symbol.asyncDispose]());

  afterEach(async () => {
    await etcd.startAll();
  });

  const start = (unready = false, env: Record<string, string> = {}) =>
    SidecarProcess.start({
      ...{ etcd: etcd.endpoint, resources: [mutex("orders")] },
      ...{ unready, env, sessionTtl: brief },
    });

  it("at the start is said, with what is missing; the sidecar serves as soon as it is there", async () => {
    await etcd.stop();
    await using sidecar = await start(true);
    const { missing } = await sidecar.said("not ready: the sidecar serves as soon as it can");
    assert.match(String(missing), /session: .*resources: /);
    const probes = await Promise.all(
      ["/startupz", "/readyz", "/livez"].map((path) => sidecar.health.get(path)),
    );
    assert.deepEqual(
      probes.map(({ status }) => status),
      [503, 503, 200],
    );
    assert.match(probes[0]?.text ?? "", /\[-\] session: there is none: .*ECONNREFUSED/);
    const refused = await acquire(sidecar, "orders/1");
    assert.equal(refused.status, 503);
    assert.equal((await sidecar.api.get("/v1/locks/orders/1")).status, 503);
    const session = await sessionOf(sidecar);
    assert.equal(session.state, "starting");
    assert.equal(session.etcd["reachable"], false);
    assert.match(String(session.etcd["problem"]), /ECONNREFUSED/);
    await etcd.startAll();
    await sidecar.said("ready");
    await release(sidecar, await hold(sidecar, "orders/1"));
    assert.equal((await sidecar.health.get("/startupz")).status, 200);
  });

  it("leaves holders their grants until the session's deadline and tells them then; all heals by itself", async () => {
    await using sidecar = await start(false, { HOLDFAST_READY_NEEDS_ETCD: "true" });
    await using plain = await start();
    const held = await hold(sidecar, "orders/held");
    const other = await hold(plain, "orders/other");
    const waiting = acquire(sidecar, "orders/other", { wait: "1m" });
    await queued(sidecar, "orders/other", 1);
    const { id } = await sessionOf(sidecar);
    await etcd.kill();
    const during = await grantOf(sidecar, held);
    assert.equal(during.status, 200, "the guarantee does not end with etcd");
    const lost = await eventually("the end of the grant", async () => {
      const answer = await grantOf(sidecar, held);
      if (answer.status === 200) return false;
      return answer;
    });
    assert.equal(lost.status, 409);
    assert.equal(lost.body["code"], "grant_lost");
    assert.equal(lost.body["reason"], "sessionLost");
    const told = await sidecar.said("the session with etcd is lost");
    assert.match(String(told["reason"]), /deadline/);
    await plain.said("the session with etcd is lost");
    assert.equal((await sessionOf(sidecar)).state, "lost");
    // One outage must not empty every Service; those who want it can have it.
    assert.equal((await plain.health.get("/readyz")).status, 200);
    assert.equal((await sidecar.health.get("/readyz")).status, 503);
    const metrics = (await sidecar.health.get("/metrics")).text;
    assert.match(metrics, /holdfast_etcd_reachable 0/);
    assert.match(metrics, /holdfast_session_losses_total 1/);
    assert.match(metrics, /holdfast_lock_lost_total\{pool="orders"\} 1/);
    await etcd.startAll();
    const granted = await waiting;
    assert.equal(granted.status, 200, "who waits gets it under the next session");
    assert.notEqual((await sessionOf(sidecar)).id, id);
    await works(sidecar, "orders/held");
    assert.equal((await grantOf(plain, other)).status, 409);
    assert.equal((await sidecar.health.get("/readyz")).status, 200);
  });

  it("makes new calls end with 503 or 504, whichever is true, and repeats releases until they are confirmed", async () => {
    await using sidecar = await start();
    const held = await hold(sidecar, "orders/kept");
    await etcd.kill();
    const released = await sidecar.api.delete(`/v1/grants/${held.id}`);
    assert.equal(released.status, 504);
    const answers = await Promise.all([
      acquire(sidecar, "orders/new"),
      acquire(sidecar, "orders/new", { wait: "200ms" }),
      acquire(sidecar, "orders/newer", { requestId: "r" }),
      sidecar.api.get("/v1/locks/orders/kept"),
    ]);
    for (const answer of answers) assert.ok(truthful(answer) || answer.status === 503, answer.text);
    await etcd.startAll();
    await works(sidecar, "orders/kept");
    await works(sidecar, "orders/new");
    // Its session was lost meanwhile: it is confirmed when that one's lease is gone for certain.
    await eventually("the confirmed release", async () => {
      const { status } = await sidecar.api.delete(`/v1/grants/${held.id}`);
      assert.ok(status === 204 || status === 504, String(status));
      return status === 204;
    });
  });

  it("that accepts and never answers makes the outcome unknown, until it answers again", async () => {
    await using sidecar = await start();
    const held = await hold(sidecar, "orders/kept");
    await etcd.pause();
    try {
      const [tried, released] = await Promise.all([
        acquire(sidecar, "orders/paused", { requestId: "r", wait: "200ms" }),
        sidecar.api.delete(`/v1/grants/${held.id}`),
      ]);
      assert.ok(truthful(tried), tried.text);
      // The release may have reached it just before it stood still.
      assert.ok([204, 504].includes(released.status), released.text);
    } finally {
      etcd.resume();
    }
    await works(sidecar, "orders/kept");
    await works(sidecar, "orders/paused");
  });
});
