/** What becomes of a pod that lost a grant, over a real sidecar on a real etcd. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { after, before, describe, it } from "mocha";
import { EtcdServer } from "../support/etcd-server.ts";
import { hold, release } from "../support/lock-calls.ts";
import { eventually } from "../support/poll.ts";
import { brief, mutex, SidecarProcess } from "../support/sidecar-process.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

const unready = "onLoss: Unready, admin: Anyone";

describe("a pod that lost a grant of a pool with onLoss: Unready", function () {
  this.timeout(60_000);
  let etcd: EtcdServer;
  let proxy: TcpProxy;
  let sidecar: SidecarProcess;

  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
    proxy = await TcpProxy.before(etcd.endpoint);
    const resources = [mutex("leaders", unready), mutex("orders")];
    sidecar = await SidecarProcess.start({
      ...{ etcd: proxy.endpoint, resources },
      sessionTtl: brief,
    });
  });

  after(async () => {
    await sidecar[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await etcd[Symbol.asyncDispose]();
  });

  const readiness = () => sidecar.health.get("/readyz");
  const isReady = async (): Promise<boolean> => (await readiness()).status === 200;
  const loses = async (lock: string, holder = "app"): Promise<void> => {
    const held = await hold(sidecar, lock, { ttl: "100ms", holder });
    await eventually("its end", async () => {
      return (await sidecar.api.get(`/v1/grants/${held.id}`)).status === 409;
    });
  };

  it("is not ready, and says which lock, until it is granted that again", async () => {
    await loses("leaders/1");
    const { status, text } = await readiness();
    assert.equal(status, 503);
    assert.match(text, /leaders\/1' of 'app' was lost \(expired\)/);
    const other = await hold(sidecar, "leaders/2");
    assert.equal(await isReady(), false);
    await release(sidecar, other);
    await release(sidecar, await hold(sidecar, "leaders/1"));
    assert.equal(await isReady(), true);
  });

  it("is ready again when its holder begins anew", async () => {
    await loses("leaders/3", "earlier");
    await sidecar.api.delete("/v1/grants?holder=another");
    assert.equal(await isReady(), false);
    await sidecar.api.delete("/v1/grants?holder=earlier");
    assert.equal(await isReady(), true);
  });

  it("is unready also by a forced release, and ready after a release and in other pools", async () => {
    await release(sidecar, await hold(sidecar, "leaders/4"));
    await loses("orders/1");
    assert.equal(await isReady(), true);
    const held = await hold(sidecar, "leaders/4");
    await sidecar.api.post("/v1/locks/leaders/4/force-release");
    await eventually("its end", async () => {
      return (await sidecar.api.get(`/v1/grants/${held.id}`)).status === 409;
    });
    assert.match((await readiness()).text, /revoked/);
    await sidecar.api.delete(`/v1/grants?holder=${String(held.answer.body["holder"])}`);
  });

  it("is unready when its session is lost, and still when the next one is there", async () => {
    await hold(sidecar, "leaders/5");
    const mark = sidecar.mark;
    proxy.cutAnswers();
    await sidecar.said("the session with etcd is lost, and all its grants with it", mark);
    assert.match((await readiness()).text, /leaders\/5.*sessionLost/);
    await proxy.heal();
    await sidecar.said("session with etcd", mark);
    assert.equal(await isReady(), false);
    await release(sidecar, await hold(sidecar, "leaders/5", { wait: "30s" }));
    assert.equal(await isReady(), true);
  });

  it("is ready as soon as the pool says so", async () => {
    await loses("leaders/6");
    assert.equal(await isReady(), false);
    await writeFile(sidecar.file, [mutex("leaders"), mutex("orders")].join("\n---\n"));
    await eventually("that the pod is ready", isReady);
  });
});
