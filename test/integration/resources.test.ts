import assert from "node:assert/strict";
import { mkdir, mkdtemp, rename, rm, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "mocha";
import { EtcdServer } from "../support/etcd-server.ts";
import { acquire, grantOf, hold, release, sessionOf } from "../support/lock-calls.ts";
import { eventually } from "../support/poll.ts";
import { mutex, SidecarProcess } from "../support/sidecar-process.ts";

interface Problem {
  readonly file?: string;
  readonly line?: number;
  readonly field?: string;
  readonly reason: string;
}

interface Resource {
  readonly name: string;
  readonly state: string;
  readonly generation?: number;
  readonly problems: readonly Problem[];
}

async function resourcesOf(sidecar: SidecarProcess) {
  const { body } = await sidecar.api.get("/v1/resources");
  return body as unknown as { resources: Resource[]; problems: Problem[]; source: string };
}

async function resourceOf(sidecar: SidecarProcess, name: string): Promise<Resource | undefined> {
  const { resources } = await resourcesOf(sidecar);
  return resources.find((resource) => resource.name === name);
}

const inForce = (sidecar: SidecarProcess, name: string, after: number) =>
  sidecar.saidWhen(
    `the line that ${name} is in force`,
    after,
    (line) => line.message === "resource in force" && line["name"] === name,
  );

describe("resources from files", function () {
  this.timeout(60_000);
  let etcd: EtcdServer;
  let folder: string;

  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
  });

  after(() => etcd[Symbol.asyncDispose]());

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "holdfast-resources-"));
  });

  afterEach(() => rm(folder, { recursive: true }));

  const start = async (namespace: string, from = folder) =>
    SidecarProcess.start({
      etcd: etcd.endpoint,
      resources: { path: from },
      env: { HOLDFAST_NAMESPACE: namespace },
    });

  it("are applied in place when they are edited; what is held goes on", async () => {
    const file = path.join(folder, "orders.yaml");
    await writeFile(file, mutex("orders", "ttl: 20s"));
    await using sidecar = await start("edited");
    const held = await hold(sidecar, "orders/held");
    assert.equal((await acquire(sidecar, "orders/1", {})).body["ttl"], "20s");
    let { mark } = sidecar;
    await writeFile(file, mutex("orders", "ttl: 7s"));
    assert.equal((await inForce(sidecar, "orders", mark))["generation"], 2);
    assert.equal((await acquire(sidecar, "orders/2")).body["ttl"], "7s");
    mark = sidecar.mark;
    await writeFile(path.join(folder, "more.yaml"), mutex("more"));
    await inForce(sidecar, "more", mark);
    assert.equal((await acquire(sidecar, "more/1")).status, 200);
    await release(sidecar, held);
  });

  it("that are wrong are refused with file, line, field and reason, and the last good one stays", async () => {
    const file = path.join(folder, "orders.yaml");
    await writeFile(file, mutex("orders", "ttl: 20s"));
    await using sidecar = await start("wrong");
    let { mark } = sidecar;
    await writeFile(
      file,
      `${mutex("orders")
        .trimEnd()
        .replace(
          /spec: .*/,
          "spec:\n  mode: Mutex\n  ttl: soon\n",
        )}---\n${mutex("new", "tll: 3s")}`,
    );
    const line = await sidecar.said("resource refused", mark);
    assert.deepEqual([line["file"], line["line"], line["field"]], [file, 6, "spec.ttl"]);
    assert.ok(line.message.includes(`${file}:6: spec.ttl: 'soon'`), line.message);
    const seen = await eventually("the refusal of both", async () => {
      const orders = await resourceOf(sidecar, "orders");
      const added = await resourceOf(sidecar, "new");
      return orders?.state === "outdated" && added !== undefined && { orders, added };
    });
    assert.equal(seen.orders.generation, 1);
    const [problem] = seen.orders.problems;
    assert.deepEqual([problem?.file, problem?.line, problem?.field], [file, 6, "spec.ttl"]);
    assert.match(problem?.reason ?? "", /soon/);
    assert.equal(seen.added.state, "refused");
    assert.equal(seen.added.problems[0]?.field, "spec.tll");
    assert.equal((await acquire(sidecar, "orders/1")).body["ttl"], "20s");
    assert.equal((await acquire(sidecar, "new/1")).status, 404);
    mark = sidecar.mark;
    await writeFile(file, mutex("orders", "ttl: 8s"));
    await inForce(sidecar, "orders", mark);
    assert.equal((await acquire(sidecar, "orders/2")).body["ttl"], "8s");
    assert.deepEqual((await resourceOf(sidecar, "orders"))?.problems, []);
  });

  it("that ask for what comes later are refused by name", async () => {
    const asked: [string, string][] = [
      ["mode: Mutex, backendRef: {name: other}", "spec.backendRef"],
    ];
    const documents = asked.map(([spec], at) =>
      mutex(`later-${at}`).replace("spec: {mode: Mutex}", `spec: {${spec}}`),
    );
    await writeFile(path.join(folder, "later.yaml"), [...documents, mutex("now")].join("---\n"));
    await using sidecar = await start("later");
    const { resources } = await resourcesOf(sidecar);
    for (const [at, [spec, field]] of asked.entries()) {
      const { state, problems } = resources.find(({ name }) => name === `later-${at}`) ?? {};
      assert.equal(state, "refused", spec);
      const problem = problems?.find((one) => one.field === field);
      assert.match(problem?.reason ?? "", /not supported yet/, spec);
      assert.equal((await acquire(sidecar, `later-${at}/1`)).status, 404);
    }
    assert.equal((await acquire(sidecar, "now/1")).status, 200);
  });

  it("of a ConfigMap are followed through the swap of its link, and never missing meanwhile", async () => {
    const fill = async (version: number, ttl: string) => {
      await mkdir(path.join(folder, `..v${version}`));
      for (const name of ["orders", "leaders"])
        await writeFile(
          path.join(folder, `..v${version}`, `${name}.yaml`),
          mutex(name, `ttl: ${ttl}`),
        );
      await symlink(`..v${version}`, path.join(folder, "..data_tmp"));
      await rename(path.join(folder, "..data_tmp"), path.join(folder, "..data"));
    };
    await fill(1, "20s");
    for (const name of ["orders", "leaders"])
      await symlink(`..data/${name}.yaml`, path.join(folder, `${name}.yaml`));
    await using sidecar = await start("configmap");
    for (const [version, ttl] of [
      [2, "7s"],
      [3, "9s"],
    ] as const) {
      const { mark } = sidecar;
      await fill(version, ttl);
      await rm(path.join(folder, `..v${version - 1}`), { recursive: true });
      for (const name of ["orders", "leaders"]) {
        await inForce(sidecar, name, mark);
        assert.equal((await acquire(sidecar, `${name}/${version}`)).body["ttl"], ttl);
      }
    }
    assert.equal(sidecar.has("resource gone"), false);
  });

  it("that are half written change nothing; one that is gone for good ends its pool, not its grants", async () => {
    const file = path.join(folder, "orders.yaml");
    const whole = mutex("orders", "ttl: 9s, limits: {waitersPerLock: 5}");
    await writeFile(file, mutex("orders", "ttl: 20s"));
    await using sidecar = await start("half");
    const held = await hold(sidecar, "orders/held");
    let { mark } = sidecar;
    // As an editor does that truncates, and writes in two pieces.
    await truncate(file);
    await writeFile(file, whole.slice(0, -20));
    await sidecar.said("resource refused", mark);
    assert.equal((await acquire(sidecar, "orders/1")).body["ttl"], "20s");
    mark = sidecar.mark;
    await writeFile(file, whole);
    await inForce(sidecar, "orders", mark);
    assert.equal((await acquire(sidecar, "orders/2")).body["ttl"], "9s");
    assert.equal(sidecar.has("resource gone"), false);
    const waiting = acquire(sidecar, "orders/held", { wait: "1m" });
    mark = sidecar.mark;
    await rm(file);
    await sidecar.said("resource gone", mark);
    assert.equal((await acquire(sidecar, "orders/3")).body["code"], "pool_not_found");
    assert.equal((await grantOf(sidecar, held)).status, 200);
    await release(sidecar, held);
    const ended = await waiting;
    assert.equal(ended.body["code"], "pool_not_found");
  });

  it("that are hostile cost only themselves: bombs, depth, size, bytes that are no text", async () => {
    const bomb = ["a: &a [x,x,x,x,x,x,x,x,x]"];
    for (let at = 1; at < 9; at++) {
      const [was, is] = [`*${"abcdefghi"[at - 1] ?? ""}`, "abcdefghi"[at] ?? ""];
      bomb.push(`${is}: &${is} [${Array.from({ length: 9 }, () => was).join(",")}]`);
    }
    const head = "apiVersion: holdfast.dev/v1alpha1\nkind: DistributedLock\n";
    const files = {
      "bomb.yaml": `${head}${bomb.join("\n")}\n`,
      "deep.yaml": `${head}spec: ${"[".repeat(15_000)}${"]".repeat(15_000)}\n`,
      "long.yaml": `${head}metadata: {name: ${"x".repeat(100_000)}}\n`,
      "tags.yaml": `${head}metadata: !!js/function 'function () {}'\n`,
      "cycle.yaml": `${head}spec: &s {mode: *s}\n`,
      "huge.yaml": `# holdfast.dev\n${"# x\n".repeat(1_200_000)}`,
      "bytes.yaml": Buffer.from([0xff, 0xfe, 0x00]),
      "good.yaml": mutex("good"),
    };
    for (const [name, text] of Object.entries(files))
      await writeFile(path.join(folder, name), text);
    await symlink("loop.yaml", path.join(folder, "loop.yaml"));
    await using sidecar = await start("hostile");
    assert.equal((await acquire(sidecar, "good/1")).status, 200);
    const { resources, problems } = await resourcesOf(sidecar);
    const told = [...problems, ...resources.flatMap((resource) => resource.problems)];
    for (const name of [...Object.keys(files), "loop.yaml"].filter((one) => one !== "good.yaml")) {
      const about = told.filter(({ file }) => file === path.join(folder, name));
      assert.ok(about.length > 0, `${name} is not told of: ${JSON.stringify(told)}`);
    }
    assert.equal((await sidecar.health.get("/livez")).status, 200);
  });

  it("by the thousands are served, and the session lives on while they are read", async () => {
    const count = 2_000;
    const documents = Array.from({ length: count }, (_, at) => mutex(`pool-${at}`));
    await writeFile(path.join(folder, "all.yaml"), documents.join("---\n"));
    await using sidecar = await start("thousands");
    const { resources } = await resourcesOf(sidecar);
    assert.equal(resources.filter(({ state }) => state === "served").length, count);
    assert.equal((await acquire(sidecar, `pool-${count - 1}/1`)).status, 200);
    assert.equal(sidecar.has("the session with etcd is lost"), false);
    const { mark } = sidecar;
    documents[7] = mutex("pool-7", "ttl: 3s");
    await writeFile(path.join(folder, "all.yaml"), documents.join("---\n"));
    await inForce(sidecar, "pool-7", mark);
    assert.equal((await acquire(sidecar, "pool-7/1")).body["ttl"], "3s");
    assert.equal((await sessionOf(sidecar)).state, "alive");
  });

  it("that differ between two sidecars do not fight: the record is in force, and the difference named", async () => {
    await writeFile(path.join(folder, "a.yaml"), mutex("orders", "ttl: 20s"));
    await using first = await start("differ", path.join(folder, "a.yaml"));
    await writeFile(path.join(folder, "b.yaml"), mutex("orders", "ttl: 7s"));
    // The time that a file system notes may lie a tick back.
    await utimes(path.join(folder, "b.yaml"), new Date(), new Date());
    // Its file is newer than the record: it is published at the start, and the first one's is what differs.
    const { mark } = first;
    await using second = await start("differ", path.join(folder, "b.yaml"));
    await inForce(first, "orders", mark);
    for (const sidecar of [first, second])
      assert.equal(
        (await acquire(sidecar, "orders/1", { wait: "0s" })).status,
        sidecar === first ? 200 : 423,
      );
    assert.equal((await acquire(first, "orders/2")).body["ttl"], "7s");
    assert.equal((await resourceOf(second, "orders"))?.state, "served");
    const differing = await eventually("the difference", async () => {
      const resource = await resourceOf(first, "orders");
      return resource?.state === "outdated" && resource;
    });
    assert.match(differing.problems[0]?.reason ?? "", /record in etcd is another/);
    assert.equal(differing.generation, 2);
    assert.equal(first.has("published", mark), false);
  });
});
