/** The sidecar's copy of its resources, over restarts of real sidecars, with an etcd that is down or another one. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { describe, it } from "mocha";
import { copyFileIn, readCopy } from "#sidecar/resources/copy-file.ts";
import { copyBytesMax } from "#sidecar/resources/copy.ts";
import { EtcdGateway } from "../support/etcd-gateway.ts";
import { EtcdServer } from "../support/etcd-server.ts";
import { acquire, hold, release, works } from "../support/lock-calls.ts";
import { Operator } from "../support/operator.ts";
import { eventually } from "../support/poll.ts";
import { brief, SidecarProcess } from "../support/sidecar-process.ts";

/** An etcd with an operator, and a folder that outlives the sidecars of one pod. */
class Pod implements AsyncDisposable {
  readonly etcd: EtcdServer;
  readonly raw: EtcdGateway;
  readonly operator: Operator;
  readonly folder: string;

  static async start(): Promise<Pod> {
    const etcd = await EtcdServer.start({ noFsync: true });
    const pod = new Pod(etcd, await mkdtemp(path.join(tmpdir(), "holdfast-state-")));
    await pod.operator.install();
    await pod.operator.publish("orders", { spec: { mode: "Mutex", maxTtl: "2m" } });
    return pod;
  }

  private constructor(etcd: EtcdServer, folder: string) {
    this.etcd = etcd;
    this.folder = folder;
    this.raw = new EtcdGateway(etcd.endpoint);
    this.operator = new Operator(this.raw);
  }

  sidecar({ unready = false, env = {} } = {}) {
    return SidecarProcess.start({
      ...{ etcd: this.etcd.endpoint, sessionTtl: brief, unready, pod: "a" },
      env: { HOLDFAST_STATE_FOLDER: this.folder, ...env },
    });
  }

  async copy() {
    const read = await readCopy(this.folder, "default");
    return read.kind === "usable" ? read.copy : undefined;
  }

  /** A sidecar that lives until its copy has these pools. */
  async remember(...pools: string[]): Promise<void> {
    await using _ = await this.sidecar();
    await this.copied(...pools);
  }

  async copied(...pools: string[]): Promise<void> {
    await eventually(`a copy of ${pools.length} pools`, async () => {
      const copy = await this.copy();
      const names = copy?.records.map(({ name }) => name).sort();
      return JSON.stringify(names) === JSON.stringify([...pools].sort());
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.etcd[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true });
  }
}

async function code(sidecar: SidecarProcess, lock: string, ask = {}): Promise<string> {
  const { status, body } = await acquire(sidecar, lock, ask);
  return `${status} ${String(body["code"])}`;
}

describe("a sidecar that restarts while etcd is down", function () {
  this.timeout(60_000);

  it("knows its pools by its copy, grants nothing by it, and serves who waited when etcd is back", async () => {
    await using pod = await Pod.start();
    await pod.operator.publish("modern", { level: 99 });
    await pod.remember("orders", "modern");
    await pod.etcd.stop();
    await using sidecar = await pod.sidecar({ unready: true });
    const told = await sidecar.said("the resources are known from before");
    assert.equal(told["resources"], 2);
    assert.equal(await code(sidecar, "orders/1"), "503 backend_unreachable");
    assert.equal(await code(sidecar, "orders/1", { wait: "200ms" }), "503 backend_unreachable");
    assert.match((await acquire(sidecar, "orders/1")).text, /Nothing was done/);
    assert.equal(await code(sidecar, "orders/1", { ttl: "3m" }), "400 malformed");
    assert.equal(await code(sidecar, "modern/1"), "503 sidecar_too_old");
    assert.equal(
      await code(sidecar, "unheard-of/1"),
      "503 not_ready",
      "it may have been made since",
    );
    assert.equal((await sidecar.api.get("/v1/locks/orders/1")).status, 503);
    const { body } = await sidecar.api.get("/v1/resources");
    const seen = body["resources"] as { name: string; state: string; problems: object[] }[];
    assert.deepEqual(
      seen.map(({ name, state }) => [name, state]),
      [
        ["modern", "refused"],
        ["orders", "outdated"],
      ],
    );
    assert.match(JSON.stringify(seen[1]), /known before/);
    const probes = await Promise.all(
      ["/startupz", "/readyz", "/livez"].map((probe) => sidecar.health.get(probe)),
    );
    assert.deepEqual(
      probes.map(({ status }) => status),
      [503, 200, 200],
    );
    const waiting = acquire(sidecar, "orders/1", { wait: "30s" });
    await pod.etcd.startAll();
    const granted = await waiting;
    assert.equal(granted.status, 200, granted.text);
    await sidecar.said("ready");
    assert.equal(await code(sidecar, "unheard-of/1"), "404 pool_not_found");
    assert.match(JSON.stringify((await sidecar.api.get("/v1/resources")).body), /"served"/);
  });

  it("knows nothing without a copy, or by one that is damaged or another's, says so, and heals", async () => {
    await using pod = await Pod.start();
    await pod.remember("orders");
    await pod.etcd.stop();
    const file = copyFileIn(pod.folder);
    const whole = await readFile(file);
    const restarts: [string, RegExp | undefined, Record<string, string>, () => Promise<unknown>][] =
      [
        ["another's", /of namespace 'default'/, { HOLDFAST_NAMESPACE: "other" }, async () => {}],
        ["a newer one", /format 7/, {}, () => writeFile(file, "holdfast-copy 7 x\n{}")],
        ["half of it", /damaged/, {}, () => writeFile(file, whole.subarray(0, whole.length / 2))],
        ["nothing in it", /damaged/, {}, () => truncate(file)],
        ["none", undefined, {}, () => rm(file)],
      ];
    for (const [what, reason, env, prepare] of restarts) {
      await prepare();
      await using sidecar = await pod.sidecar({ unready: true, env });
      assert.equal(await code(sidecar, "orders/1"), "503 not_ready", what);
      const lines = sidecar.lines.filter(({ message }) => message.includes("copy of the res"));
      assert.equal(lines.length, reason === undefined ? 0 : 1, what);
      if (reason !== undefined) assert.match(lines[0]?.message ?? "", reason);
      assert.equal((await sidecar.health.get("/readyz")).status, 503, what);
      if (what !== "none") continue;
      await pod.etcd.startAll();
      await sidecar.said("ready");
      await works(sidecar, "orders/1");
      await pod.copied("orders");
    }
  });

  it("learns what was edited and deleted meanwhile, and who waits for what is gone hears it", async () => {
    await using pod = await Pod.start();
    await pod.operator.publish("gone");
    await pod.remember("orders", "gone");
    await pod.operator.publish("orders", { generation: 2, spec: { mode: "Mutex", maxTtl: "4m" } });
    await pod.operator.unpublish("gone");
    await pod.etcd.stop();
    await using sidecar = await pod.sidecar({ unready: true });
    const waiting = code(sidecar, "gone/1", { wait: "30s" });
    // Judged by what is in force, which the copy does not know.
    const longer = acquire(sidecar, "orders/2", { wait: "30s", ttl: "3m" });
    assert.equal(await code(sidecar, "orders/1", { ttl: "3m" }), "400 malformed");
    await pod.etcd.startAll();
    assert.equal(await waiting, "404 pool_not_found");
    const granted = await longer;
    assert.equal(granted.status, 200, granted.text);
    await sidecar.said("ready");
    assert.equal(await code(sidecar, "gone/2"), "404 pool_not_found");
    await release(sidecar, await hold(sidecar, "orders/1", { ttl: "3m" }));
    await pod.copied("orders");
    assert.equal((await pod.copy())?.records[0]?.generation, 2);
  });

  it("keeps a copy of thousands within its bound, and knows them", async () => {
    await using pod = await Pod.start();
    const names = Array.from({ length: 2_000 }, (_, at) => `pool-${at}`);
    for (let at = 0; at < names.length; at += 50)
      await Promise.all(names.slice(at, at + 50).map((name) => pod.operator.publish(name)));
    await pod.remember("orders", ...names);
    assert.ok((await stat(copyFileIn(pod.folder))).size < copyBytesMax);
    await pod.etcd.stop();
    await using sidecar = await pod.sidecar({ unready: true });
    assert.equal(await code(sidecar, "pool-1999/1"), "503 backend_unreachable");
  });
});

describe("a sidecar that is killed while it writes its copy", function () {
  this.timeout(120_000);

  it("leaves the older one or the newer one", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "holdfast-killed-"));
    const found = new Set<number | undefined>();
    for (let life = 0; life < 15; life++) {
      const args = ["test/support/copy-writer.ts", folder];
      const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
      const ended = once(child, "close");
      await Promise.race([once(child.stdout, "data"), ended]);
      const killAt = performance.now() + 20 * Math.random();
      while (performance.now() < killAt) await new Promise(setImmediate);
      child.kill("SIGKILL");
      await ended;
      const read = await readCopy(folder, "default");
      assert.ok(read.kind === "usable", read.kind === "unusable" ? read.reason : "none");
      assert.ok(read.copy.records.length > 15_000);
      const generations = new Set(read.copy.records.map(({ generation }) => generation));
      assert.equal(generations.size, 1);
      found.add([...generations][0]);
    }
    for (const generation of found) assert.ok(generation === 1 || generation === 2);
    await rm(folder, { recursive: true });
  });
});
