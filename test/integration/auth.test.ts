import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "mocha";
import { EtcdGateway } from "../support/etcd-gateway.ts";
import { EtcdServer } from "../support/etcd-server.ts";
import { acquire, grantOf, hold, release, sessionOf, works } from "../support/lock-calls.ts";
import { LockTraffic } from "../support/lock-traffic.ts";
import { eventually } from "../support/poll.ts";
import { mutex, SidecarProcess } from "../support/sidecar-process.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");

describe("an etcd with users", function () {
  this.timeout(60_000);
  let etcd: EtcdServer;
  let raw: EtcdGateway;
  let folder: string;
  let passwordFile: string;

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "holdfast-auth-"));
    passwordFile = path.join(folder, "password");
    await writeFile(passwordFile, "secret\n");
    // Passwords are hashed as cheaply as etcd allows: the tests make many.
    etcd = await EtcdServer.start({ noFsync: true, args: ["--bcrypt-cost=4"] });
    raw = new EtcdGateway(etcd.endpoint);
    await raw.call("auth/user/add", { name: "root", password: "root" });
    await raw.call("auth/role/add", { name: "root" });
    await raw.call("auth/user/grant", { user: "root", role: "root" });
    await raw.call("auth/role/add", { name: "holdfast" });
    await grant();
    await raw.call("auth/user/add", { name: "sidecar", password: "secret" });
    await raw.call("auth/user/grant", { user: "sidecar", role: "holdfast" });
    await raw.call("auth/enable");
    await raw.login("root", "root");
  });

  after(async () => {
    await etcd[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const range = { key: base64("/holdfast/v1/"), range_end: base64("/holdfast/v10") };
  const grant = async () => {
    const perm = { permType: "READWRITE", ...range };
    await raw.call("auth/role/grant", { name: "holdfast", perm });
  };
  const revoke = () => raw.call("auth/role/revoke", { role: "holdfast", ...range });
  const start = (unready = false, env: Record<string, string> = {}) =>
    SidecarProcess.start({
      etcd: etcd.endpoint,
      resources: [mutex("orders")],
      unready,
      env: {
        HOLDFAST_ETCD_USERNAME: "sidecar",
        HOLDFAST_ETCD_PASSWORD_FILE: passwordFile,
        ...env,
      },
    });

  it("serves a sidecar that has one, and says why it does not serve one that has none", async () => {
    await using sidecar = await start();
    await release(sidecar, await hold(sidecar, "orders/1"));
    await using nobody = await SidecarProcess.start({
      etcd: etcd.endpoint,
      resources: [mutex("orders")],
      unready: true,
    });
    const { missing } = await nobody.said("not ready");
    assert.match(String(missing), /user name is empty|permission|auth/i);
    assert.equal((await acquire(nobody, "orders/1")).status, 503);
  });

  it("with a wrong password is said; the file is read again, and all heals by itself", async () => {
    const wrong = path.join(folder, "wrong");
    await writeFile(wrong, "nonsense");
    await using sidecar = await start(true, { HOLDFAST_ETCD_PASSWORD_FILE: wrong });
    const { missing } = await sidecar.said("not ready");
    assert.match(String(missing), /password|authentication failed/i);
    assert.ok(!JSON.stringify(sidecar.lines).includes("nonsense"), "it is never logged");
    await writeFile(wrong, "secret");
    await sidecar.said("ready");
    await release(sidecar, await hold(sidecar, "orders/1"));
  });

  it("lets no caller see an error while users are made and 64 callers lock", async () => {
    await using a = await start();
    await using b = await start();
    const locks = Array.from({ length: 16 }, (_, at) => `orders/u${at}`);
    const traffic = new LockTraffic([a, b], { locks, callers: 64 });
    for (let at = 0; at < 20; at++) {
      await traffic.grants(10);
      await raw.call("auth/user/add", { name: `user-${at}`, password: "p" });
      await raw.call("auth/user/grant", { user: `user-${at}`, role: "holdfast" });
    }
    await traffic.grants(100);
    const { problems } = await traffic.stop();
    assert.deepEqual(problems, []);
  });

  it("that takes the sidecar's permission away is told truthfully, and heals when it is given back", async () => {
    await using sidecar = await start();
    const held = await hold(sidecar, "orders/held");
    await revoke();
    const refused = await eventually("a refusal", async () => {
      const answer = await acquire(sidecar, "orders/new");
      return answer.status !== 200 && answer;
    });
    assert.equal(refused.status, 503, refused.text);
    assert.equal(refused.body["code"], "backend_refused");
    assert.match(String(refused.body["detail"]), /permission denied/);
    // Until the deadline of the last keepalive that was answered, whoever holds goes on holding.
    const still = await grantOf(sidecar, held);
    assert.ok(still.status === 200 || still.body["reason"] === "sessionLost");
    await grant();
    await works(sidecar, "orders/new");
    assert.equal((await sessionOf(sidecar)).state, "alive");
  });
});
