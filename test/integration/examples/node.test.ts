/** The examples that use the typed client: several processes of each, some of them killed. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "mocha";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { works } from "#test/support/lock-calls.ts";
import { eventually } from "#test/support/poll.ts";
import { brief, SidecarProcess } from "#test/support/sidecar-process.ts";
import { urlOf } from "../client/support.ts";
import { Examples } from "./installed.ts";

describe("the examples of the typed client", function () {
  this.timeout(120_000);
  let examples: Examples;
  let etcd: EtcdServer;
  let sidecar: SidecarProcess;
  let folder: string;

  const pod = (name: string): Promise<SidecarProcess> =>
    SidecarProcess.start({
      ...{ etcd: etcd.endpoint, resources: { path: "examples" } },
      ...{ pod: name, sessionTtl: brief },
    });

  before(async () => {
    examples = await Examples.install();
    etcd = await EtcdServer.start({ noFsync: true });
    sidecar = await pod("pod-a");
    folder = await mkdtemp(path.join(examples.folder, "state-"));
  });

  after(async () => {
    await sidecar[Symbol.asyncDispose]();
    await etcd[Symbol.asyncDispose]();
    await examples[Symbol.asyncDispose]();
  });

  it("worker-pool: charges each order once, also those of a worker that is killed", async () => {
    const orders = path.join(folder, "orders");
    const ids = Array.from({ length: 24 }, (_, at) => String(at));
    await mkdir(orders);
    for (const id of ids)
      await writeFile(
        path.join(orders, `${id}.order`),
        JSON.stringify({ state: "new", fence: "0" }),
      );
    const env = { HOLDFAST_URL: urlOf(sidecar) };
    const start = () => examples.start("examples/worker-pool/worker.ts", [orders], env);
    const ledger = async (): Promise<string[]> =>
      (await readFile(path.join(orders, "ledger"), "utf8").catch(() => "")).trim().split("\n");
    await using killed = start();
    await eventually("a first charge", async () => (await ledger()).length > 1);
    const workers = [start(), start(), start()];
    await killed.kill();
    for (const worker of workers) await worker.succeeds();
    const charged = (await ledger()).map((line) => line.split(" ")[0] ?? "");
    const twice = charged.filter((id, at) => charged.indexOf(id) !== at);
    // The killed one may have charged, and not have written so.
    assert.ok(twice.length <= 1, `charged twice: ${twice.join(", ")}`);
    assert.deepEqual([...new Set(charged)].sort(), [...ids].sort());
    for (const id of ids) {
      const text = await readFile(path.join(orders, `${id}.order`), "utf8");
      const { state, fence } = JSON.parse(text) as { state: string; fence: string };
      assert.ok(state === "charged" && BigInt(fence) > 0n, id);
    }
    const left = (await readdir(orders)).filter((file) => !/\.order$|^ledger$/.test(file));
    assert.ok(left.length <= 1, left.join(", "));
  });

  it("transfers: lose and make no money, in circles and also where one is killed half way", async () => {
    const accounts = path.join(folder, "accounts");
    await mkdir(accounts);
    const names = ["ann", "ben", "cas"];
    for (const name of names)
      await writeFile(
        path.join(accounts, `${name}.account`),
        JSON.stringify({ balance: 100, fence: "0" }),
      );
    const balances = async (): Promise<number[]> => {
      const texts = await Promise.all(
        names.map((name) => readFile(path.join(accounts, `${name}.account`), "utf8")),
      );
      return texts.map((text) => (JSON.parse(text) as { balance: number }).balance);
    };
    const total = async (): Promise<number> => (await balances()).reduce((sum, one) => sum + one);
    const start = (times: number, stepMs: number) =>
      examples.start("examples/transfers/transfer.ts", [accounts, String(times)], {
        ...{ HOLDFAST_URL: urlOf(sidecar), STEP_MS: String(stepMs) },
      });
    await using killed = start(1, 60_000);
    await killed.says(/has 99/);
    await killed.kill();
    assert.equal(await total(), 299, "half of it is done");
    const others = [start(20, 1), start(20, 1), start(20, 1)];
    const outputs = await Promise.all(others.map((one) => one.succeeds()));
    assert.match(outputs.join(""), /finishing /);
    assert.equal(await total(), 300);
    assert.deepEqual(
      (await readdir(accounts)).filter((file) => !file.endsWith(".account")),
      [],
    );
    await works(sidecar, "accounts/ann");
  });

  it("nightly-job: goes on where it was when its process is killed, and again when its pod is", async () => {
    const state = path.join(folder, "nightly");
    const args = [state, "2026-11-28"];
    const job = (of: SidecarProcess, stepMs: number) =>
      examples.start("examples/nightly-job/job.ts", args, {
        ...{ HOLDFAST_URL: urlOf(of), STEP_MS: String(stepMs) },
      });
    const slow = 60_000;
    await using first = await pod("pod-1");
    // Two steps were done by an earlier one, and the third takes for ever.
    await writeFile(state, JSON.stringify({ night: "2026-11-28", done: 2, fence: "1" }));
    await using killed = job(first, slow);
    await killed.says(/step 3/);
    const [, fence = ""] = await killed.says(/fence (\d+)/);
    await killed.kill();
    const written = JSON.parse(await readFile(state, "utf8")) as unknown;
    assert.deepEqual(written, { night: "2026-11-28", done: 2, fence });
    // Every other pod starts it, too.
    await using second = await pod("pod-2");
    assert.match(await job(second, slow).succeeds(), /somebody else runs it: pod-1/);
    await using again = job(first, slow);
    await again.says(/step 3/);
    assert.doesNotMatch(again.output, /step [12]/);
    assert.match(again.output, new RegExp(`fence ${fence}\\n`), "the same grant");
    await first.kill();
    await again.kill();
    await eventually("the next pod's turn", async () => {
      const output = await job(second, 10).succeeds();
      return /all 5 steps/.test(output) && !/step [12]\n/.test(output);
    });
    const text = JSON.parse(await readFile(state, "utf8")) as { done: number; fence: string };
    assert.equal(text.done, 5);
    assert.ok(BigInt(text.fence) > BigInt(fence));
    // It is not run again that night, and is the next.
    assert.match(await job(second, 10).succeeds(), /^this pod has run it a moment ago\n$/);
    assert.match(
      await job(sidecar, 10).succeeds(),
      /^has the lock, .*\nall 5 steps .* are done\n$/,
    );
    await using next = examples.start("examples/nightly-job/job.ts", [state, "2026-11-29"], {
      HOLDFAST_URL: urlOf(second),
    });
    assert.match(await next.succeeds(), /step 1\n[^]*all 5 steps of 2026-11-29/);
    await works(second, "jobs/nightly");
    await rm(state);
  });
});
