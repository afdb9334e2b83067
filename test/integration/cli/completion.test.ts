/** Completion, in the shells themselves: what a person types, with Tab. */
import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { after, before, describe, it } from "mocha";
import { fetchTree, type DebianTree } from "#tools/fetch/debian-tree.ts";
import { ToolMissing } from "#tools/fetch.ts";
import { run } from "#tools/fetch/step.ts";
import { cli } from "#test/support/cli-process.ts";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { hold } from "#test/support/lock-calls.ts";
import { mutex, SidecarProcess } from "#test/support/sidecar-process.ts";
import { Terminal } from "#test/support/terminal.ts";
import { urlOf } from "../client/support.ts";

describe("holdfast completion", function () {
  this.timeout(60_000);
  let etcd: EtcdServer;
  let sidecar: SidecarProcess;
  let folder: string;
  let env: Record<string, string>;

  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
    sidecar = await SidecarProcess.start({ etcd: etcd.endpoint, resources: [mutex("orders")] });
    await hold(sidecar, "orders/a:1", { holder: "alice" });
    await hold(sidecar, "orders/b%20c", { holder: "bob" });
    folder = await mkdtemp(path.join(tmpdir(), "holdfast-completion-"));
    const script = `#!/bin/sh\nexec "${process.execPath}" "${path.resolve("cli/main.ts")}" "$@"\n`;
    await writeFile(path.join(folder, "holdfast"), script);
    await chmod(path.join(folder, "holdfast"), 0o755);
    for (const shell of ["bash", "zsh", "fish"])
      await writeFile(path.join(folder, shell), (await cli(["completion", shell])).out);
    const { PATH = "" } = process.env;
    env = { PATH: `${folder}:${PATH}`, HOLDFAST_URL: urlOf(sidecar), HOME: folder };
  });

  after(async () => {
    await rm(folder, { recursive: true, force: true });
    await sidecar[Symbol.asyncDispose]();
    await etcd[Symbol.asyncDispose]();
  });

  /** undefined, and said aloud: it cannot be had. */
  const shellOf = async (name: "zsh" | "fish"): Promise<DebianTree | undefined> => {
    try {
      return await fetchTree(name);
    } catch (error) {
      if (!(error instanceof ToolMissing)) throw error;
      console.log(`\n  !! Completion is NOT tested in ${name}.\n${error.message}`);
      return undefined;
    }
  };

  /** Types a whole command by its beginnings; the shell then runs what was completed. */
  const types = async (terminal: Terminal): Promise<void> => {
    await terminal.shows(/\$> /);
    terminal.type("holdfast locks g\torders/a\t--ou\tn\t\r");
    await terminal.shows(/orders\/a:1\r\n/);
    terminal.type("holdfast locks ls orders --output=j\t\r");
    await terminal.shows(/"holder": "bob"/);
    terminal.type("holdfast locks get orders/b\t\r");
    await terminal.shows(/HOLDER[^]*bob/);
    terminal.type("holdfast locks r\torders/a\t--gr\t1m\r");
    await terminal.shows(/Nothing was done[^]*release orders\/a:1 --force --grace 1m/);
    terminal.type("holdfast locks d\t\r");
    await terminal.shows(/No owners wait/);
    // What runs under the lock is the shell's own business: files, here.
    terminal.type(`cd ${folder}\r`);
    terminal.type("holdfast lock orders/x -- ls -d fis\t\r");
    await terminal.shows(/[\r\n]fish\r\n/);
    terminal.type("exit\r");
    assert.equal(await terminal.end, 0);
  };

  it("completes in bash", async () => {
    await writeFile(path.join(folder, "bashrc"), `PS1='$> '\nsource "${folder}/bash"\n`);
    await using terminal = new Terminal(`bash --rcfile "${folder}/bashrc" -i`, env);
    await types(terminal);
  });

  it("completes in zsh", async function () {
    const zsh = await shellOf("zsh");
    if (zsh === undefined) this.skip();
    const { root } = zsh;
    const own = [
      `module_path=(${root}/usr/lib/*-linux-gnu/zsh/*)`,
      `fpath=(${root}/usr/share/zsh/functions/**/*(N/))`,
    ];
    await writeFile(path.join(folder, ".zshenv"), root === "/" ? "" : `${own.join("\n")}\n`);
    const rc = ["PS1='$> '", "unsetopt prompt_sp", "autoload -Uz compinit && compinit -u -D"];
    await writeFile(path.join(folder, ".zshrc"), `${rc.join("\n")}\nsource "${folder}/zsh"\n`);
    const zshEnv = { ...env, ...zsh.env, ZDOTDIR: folder };
    await using terminal = new Terminal(`"${zsh.folder}/zsh" -i`, zshEnv);
    await types(terminal);
  });

  it("completes in fish", async function () {
    const fish = await shellOf("fish");
    if (fish === undefined) this.skip();
    const completed = async (line: string): Promise<string[]> => {
      const command = `source "${folder}/fish"; complete -C '${line}'`;
      const args = ["--no-config", "-c", command];
      const fishEnv = { ...env, ...fish.env };
      const output = await run({ command: path.join(fish.folder, "fish"), args, env: fishEnv });
      return output.trimEnd().split("\n");
    };
    assert.deepEqual(await completed("holdfast lo"), [
      "lock\truns a command while a lock is held",
      "locks",
    ]);
    assert.deepEqual(await completed("holdfast locks get orders/"), ["orders/a:1", "orders/b c"]);
    assert.deepEqual(
      (await completed("holdfast locks ")).map((line) => line.split("\t")[0]),
      ["deadlocks", "events", "get", "ls", "release"],
    );
    assert.deepEqual(await completed("holdfast locks release orders/b"), ["orders/b c"]);
    assert.deepEqual(
      (await completed("holdfast locks release orders/a:1 --f")).map((line) => line.split("\t")[0]),
      ["--fence", "--force"],
    );
    assert.deepEqual(await completed("holdfast locks deadlocks -o "), ["json"]);
    assert.deepEqual(await completed("holdfast locks ls orders -o "), ["json", "name", "wide"]);
    assert.deepEqual(await completed("holdfast locks ls orders --output=j"), ["--output=json"]);
    assert.deepEqual(await completed("holdfast completion "), ["bash", "fish", "zsh"]);
    assert.deepEqual(await completed(`holdfast lock orders/x -- ls ${folder}/fis`), [
      `${folder}/fish`,
    ]);
  });

  it("says nothing, and fails nothing, where the sidecar is away", async () => {
    const away = { url: "http://127.0.0.1:9" };
    const told = await cli(["__complete", "bash", "locks", "get", "orders/"], away);
    assert.deepEqual(told, { code: 0, out: "", err: "" });
  });
});
