import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { end, forgetPid, isRunning, notePid, runningIn } from "#tools/cluster/pid-file.ts";

describe("the pid files of a cluster", function () {
  before(function () {
    // Without /proc a process cannot be told from another with its number, and there is no cluster either.
    if (process.platform !== "linux") this.skip();
  });

  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "holdfast-pids-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  /** Says when it listens to signals, so that none comes too early. */
  const stubborn = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 60_000); console.log();';

  async function start(script: string): Promise<ChildProcess & { readonly pid: number }> {
    const child = spawn(process.execPath, ["--eval", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    return child as ChildProcess & { readonly pid: number };
  }

  it("find what runs, and forget what has ended", async () => {
    const child = await start("setInterval(() => {}, 60_000); console.log();");
    notePid(folder, "one", child.pid);
    const found = runningIn(folder);
    assert.deepEqual(
      found.map(({ name, pid }) => ({ name, pid })),
      [{ name: "one", pid: child.pid }],
    );
    const over = once(child, "exit");
    await end(found[0]!, "in order");
    assert.deepEqual(await over, [null, "SIGTERM"]);
    assert.deepEqual(runningIn(folder), []);
    assert.equal(isRunning(found[0]!), false);
  });

  it("end what does not heed a request", async () => {
    const child = await start(stubborn);
    notePid(folder, "one", child.pid);
    const over = once(child, "exit");
    await end(runningIn(folder)[0]!, "in order");
    assert.deepEqual(await over, [null, "SIGKILL"]);
  });

  it("never take another process of the same number for the one that was noted", async () => {
    notePid(folder, "one", process.pid);
    const [noted] = runningIn(folder);
    const earlier = { ...noted!, startedAt: "1" };
    writeFileSync(path.join(folder, "pids", "one"), JSON.stringify(earlier));
    assert.deepEqual(runningIn(folder), []);
    await end(earlier, "at once"); // this process goes on
  });

  it("of a folder that is not there name nothing", () => {
    assert.deepEqual(runningIn(path.join(folder, "none")), []);
    forgetPid(folder, "none");
  });
});
