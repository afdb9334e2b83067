/** The package as a stranger gets it: packed, installed in a folder of its own, used on each supported Node against a real sidecar. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { after, before, describe, it } from "mocha";
import { packClient, type Package } from "#tools/client/package.ts";
import { ToolMissing } from "#tools/fetch.ts";
import { fetchNode, nodeMajors } from "#tools/fetch/node.ts";
import { run } from "#tools/fetch/step.ts";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { works } from "#test/support/lock-calls.ts";
import { mutex, SidecarProcess } from "#test/support/sidecar-process.ts";
import { urlOf } from "./support.ts";

/** What a user writes; prints what it saw. */
const program = `
import { connect, HoldfastError } from "@holdfast/client";
const holdfast = connect();
const orders = holdfast.locks("orders");
const seen = { node: process.version, asyncDispose: typeof Symbol.asyncDispose };
seen.result = await orders.using("42", { wait: "10s", metadata: { from: "näher" } }, async (grant, signal) => {
  seen.isHeld = grant.isHeld && !signal.aborted && BigInt(grant.fence) > 0n;
  seen.tried = await orders.tryAcquire("42");
  const gone = new AbortController();
  const waiting = orders.acquire("42", { wait: "10s", signal: gone.signal });
  setTimeout(() => gone.abort(new Error("gone")), 50);
  seen.left = await waiting.catch((error) => error.message);
  while ((await orders.get("42")).waiters.length > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  await orders.acquire("42", { wait: "50ms" }).catch((error) => {
    seen.code = HoldfastError.is(error, "lock_held") && error.facts.metadata === undefined && error.code;
  });
  return "done";
});
const renewed = await orders.acquire("renewed");
const first = renewed.expiresAt;
while (renewed.expiresAt <= first) await new Promise((resolve) => setTimeout(resolve, 100));
seen.renewed = renewed.isHeld;
await renewed[Symbol.asyncDispose]();
// Nothing else keeps the process alive while the work waits.
const lapsed = orders.using("lapsed", { ttl: "100ms", renew: false }, (grant) => grant.lost);
seen.lost = await lapsed.catch((error) => error.code);
seen.holders = (await orders.get("42")).holders.length;
// Held to the end: closing gives it back. Another is forgotten, and the process ends all the same.
await orders.acquire("closed");
await holdfast.close();
await connect().locks("orders").acquire("forgotten", { ttl: "1s" });
console.log(JSON.stringify(seen));
`;

/** As much of the README as types can say. */
const typed = `
import { connect, HoldfastError, type AcquireOptions, type Grant } from "@holdfast/client";
await using holdfast = connect({ url: "http://localhost:4653", limits: { acquires: 10 } });
const options: AcquireOptions = { wait: "10s", hold: "session", abortOn: "jeopardy" };
const result: number = await holdfast.locks("orders").using("42", options, (grant: Grant, signal) => {
  const rest: number = grant.guaranteedForMs;
  return signal.aborted ? 0 : rest;
});
const error: unknown = result;
if (HoldfastError.is(error, "lock_held")) {
  const holder: string | undefined = error.facts.holder;
  console.log(holder, error.retryAfterMs);
}
if (HoldfastError.is(error)) console.log(error.code === "sidecar_unreachable", error.status);
// @ts-expect-error: no such code
console.log(HoldfastError.is(error, "lock_hold"));
// @ts-expect-error: no such option
await holdfast.locks("orders").acquire("42", { waits: "1s" });
`;

describe("the client's package", function () {
  this.timeout(180_000);
  let packed: Package;
  let folder: string;

  before(async () => {
    packed = await packClient(path.join(".cache", "client"));
    folder = await mkdtemp(path.join(tmpdir(), "holdfast-client-"));
    const manifest = { name: "stranger", private: true, type: "module" };
    await writeFile(path.join(folder, "package.json"), JSON.stringify(manifest));
    const args = ["install", "--offline", "--no-audit", "--no-fund", path.resolve(packed.file)];
    await run({ command: "npm", args, folder });
    await writeFile(path.join(folder, "program.js"), program);
  });

  after(() => rm(folder, { recursive: true, force: true }));

  it("holds JavaScript, declarations, README and licence: nothing to run as TypeScript, nothing to install with it", async () => {
    const strange = packed.files.filter(
      (file) => !/\.(js|d\.ts)$|^(README\.md|LICENSE|package\.json)$/.test(file),
    );
    assert.deepEqual(strange, []);
    for (const file of ["holdfast.js", "holdfast.d.ts", "README.md", "LICENSE"])
      assert.ok(packed.files.includes(file), file);
    const at = path.join(folder, "node_modules/@holdfast/client");
    for (const file of packed.files.filter((each) => /\.(js|d\.ts)$/.test(each))) {
      const text = await readFile(path.join(at, file), "utf8");
      assert.doesNotMatch(text, /from "\.[^"]*\.ts"/, file);
      assert.doesNotMatch(text, /\bawait using\b(?! )|#api|#core/, file);
    }
    const manifest = JSON.parse(await readFile(path.join(at, "package.json"), "utf8")) as object;
    assert.ok(!("dependencies" in manifest) && !("scripts" in manifest));
    const root = JSON.parse(await readFile("package.json", "utf8")) as { version: string };
    assert.equal(packed.version, root.version);
  });

  it("has types that a strict program of another project compiles with", async () => {
    await writeFile(path.join(folder, "typed.ts"), typed);
    const roots = path.resolve("node_modules/@types");
    const compiler = path.resolve("node_modules/typescript/bin/tsc");
    for (const how of [
      ["--module", "nodenext"],
      ["--module", "esnext", "--moduleResolution", "bundler"],
    ]) {
      const strict = [
        "--strict",
        "--noEmit",
        "--target",
        "es2022",
        "--lib",
        "es2022,esnext.disposable",
      ];
      const args = [
        compiler,
        ...strict,
        ...how,
        "--types",
        "node",
        "--typeRoots",
        roots,
        "typed.ts",
      ];
      await run({ command: process.execPath, args, folder });
    }
  });

  describe("used", () => {
    let etcd: EtcdServer;
    let sidecar: SidecarProcess;

    before(async () => {
      etcd = await EtcdServer.start({ noFsync: true });
      sidecar = await SidecarProcess.start({ etcd: etcd.endpoint, resources: [mutex("orders")] });
    });

    after(async () => {
      await sidecar[Symbol.asyncDispose]();
      await etcd[Symbol.asyncDispose]();
    });

    for (const major of nodeMajors) {
      it(`on Node ${major} locks, waits, renews, is told of a loss, and ends`, async function () {
        const node = await fetchNode(major).catch((error: unknown) => {
          if (!(error instanceof ToolMissing)) throw error;
          console.log(`\n  !! The client is NOT tested on Node ${major}.\n${error.message}`);
          return undefined;
        });
        if (node === undefined) this.skip();
        const env = { HOLDFAST_URL: urlOf(sidecar), NODE_OPTIONS: "" };
        const output = await run({ command: node.path, args: ["program.js"], folder, env });
        const { node: version, ...seen } = JSON.parse(output) as Record<string, unknown>;
        assert.match(String(version), new RegExp(`^v${major}\\.`));
        assert.deepEqual(seen, {
          ...{ asyncDispose: "symbol", result: "done", isHeld: true, left: "gone" },
          ...{ code: "lock_held", renewed: true, lost: "grant_lost", holders: 0 },
        });
        for (const name of ["42", "renewed", "closed", "forgotten"])
          await works(sidecar, `orders/${name}`);
      });

      it(`on Node ${major} is had by require, too`, async function () {
        const node = await fetchNode(major).catch(() => undefined);
        if (node === undefined) this.skip(); // told above
        const code = 'console.log(require("@holdfast/client").connect().url)';
        const args = ["--input-type=commonjs", "--eval", code];
        const env = { HOLDFAST_URL: "", NODE_OPTIONS: "" };
        const output = await run({ command: node.path, args, folder, env });
        assert.equal(output.trim(), "http://localhost:4653");
      });
    }
  });
});
