/** The command as a stranger gets it: packed, installed, run by its name on each supported Node. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { after, before, describe, it } from "mocha";
import { packCli } from "#tools/cli/package.ts";
import type { Package } from "#tools/client/package.ts";
import { ToolMissing } from "#tools/fetch.ts";
import { fetchNode, nodeMajors } from "#tools/fetch/node.ts";
import { run } from "#tools/fetch/step.ts";
import { cli, type CliEnd } from "#test/support/cli-process.ts";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { works } from "#test/support/lock-calls.ts";
import { mutex, SidecarProcess } from "#test/support/sidecar-process.ts";
import { urlOf } from "../client/support.ts";

describe("the command's package", function () {
  this.timeout(60_000);
  let packed: Package;
  let folder: string;
  let etcd: EtcdServer;
  let sidecar: SidecarProcess;

  before(async () => {
    packed = await packCli(path.join(".cache", "cli"));
    folder = await mkdtemp(path.join(tmpdir(), "holdfast-cli-"));
    await writeFile(path.join(folder, "package.json"), JSON.stringify({ private: true }));
    const args = ["install", "--offline", "--no-audit", "--no-fund", path.resolve(packed.file)];
    await run({ command: "npm", args, folder });
    etcd = await EtcdServer.start({ noFsync: true });
    sidecar = await SidecarProcess.start({ etcd: etcd.endpoint, resources: [mutex("orders")] });
  });

  after(async () => {
    await sidecar[Symbol.asyncDispose]();
    await etcd[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  /** By the name that npm gave it. */
  const runs = (args: readonly string[], node?: string): Promise<CliEnd> => {
    const bin = path.join(folder, "node_modules/.bin");
    const { PATH = "" } = process.env;
    const first = node === undefined ? bin : `${bin}:${path.dirname(node)}`;
    const env = { PATH: `${first}:${PATH}`, NODE_OPTIONS: "" };
    return cli(args, { url: urlOf(sidecar), env, program: [path.join(bin, "holdfast")] });
  };

  it("is one file, a README and a licence", () => {
    const files = ["LICENSE", "README.md", "holdfast.js", "package.json"];
    assert.deepEqual([...packed.files].sort(), files);
  });

  for (const major of nodeMajors) {
    it(`runs a command under a lock on Node ${major}`, async function () {
      const node = await fetchNode(major).catch((error: unknown) => {
        if (!(error instanceof ToolMissing)) throw error;
        console.log(`\n  !! The command is NOT tested on Node ${major}.\n${error.message}`);
        return undefined;
      });
      if (node === undefined) this.skip();
      const args = [
        "lock",
        "orders/42",
        "--",
        "sh",
        "-c",
        'node --version; exit "$(expr $HOLDFAST_FENCE : 1)"',
      ];
      const { code, out, err } = await runs(args, node.path);
      assert.deepEqual({ code, err }, { code: 1, err: "" });
      assert.match(out, new RegExp(`^v${major}\\.`), "which is the Node that it runs on");
      await works(sidecar, "orders/42");
      const { version } = packed;
      assert.equal((await runs(["--version"], node.path)).out, `holdfast ${version}\n`);
    });
  }
});
