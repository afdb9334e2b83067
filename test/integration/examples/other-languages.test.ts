/** A lock in Python, Go and Java, each in a few lines of its own standard library, by the event stream of the acquire. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "mocha";
import { ask, run } from "#tools/fetch/step.ts";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { hold, queued, release, works } from "#test/support/lock-calls.ts";
import { mutex, SidecarProcess } from "#test/support/sidecar-process.ts";
import { urlOf } from "../client/support.ts";
import { Example } from "./installed.ts";

const folder = "examples/other-languages";
const linesMax = 20;

interface Language {
  /** What tells that it is on this machine. */
  readonly probe: readonly [string, readonly string[]];
  /** The lock itself, as users copy it. */
  readonly file: string;
  /** Brings what is needed to run it into that folder, and says how. */
  build(place: string): Promise<readonly string[]>;
}

const languages: Readonly<Record<string, Language>> = {
  Python: {
    probe: ["python3", ["--version"]],
    file: "python/lock.py",
    build: () => Promise.resolve(["python3", path.resolve(folder, "python/work.py")]),
  },
  Go: {
    probe: ["go", ["version"]],
    file: "go/lock.go",
    build: async (place) => {
      const program = path.join(place, "work");
      const env = { GOFLAGS: "-buildvcs=false", GOWORK: "off", CGO_ENABLED: "0" };
      const args = ["build", "-o", program, "."];
      await run({ command: "go", args, folder: path.join(folder, "go"), env });
      return [program];
    },
  },
  Java: {
    probe: ["javac", ["-version"]],
    file: "java/Lock.java",
    build: async (place) => {
      const sources = ["Lock.java", "Work.java"].map((file) => path.join(folder, "java", file));
      await run({ command: "javac", args: ["--release", "17", "-d", place, ...sources] });
      return ["java", "-cp", place, "Work"];
    },
  },
};

for (const [name, { probe, file, build }] of Object.entries(languages)) {
  describe(`a lock in ${name}`, function () {
    this.timeout(120_000);
    let place: string;
    let etcd: EtcdServer;
    let sidecar: SidecarProcess;
    let command: readonly string[];

    before(async function () {
      if ((await ask(...probe)) === undefined) {
        console.log(
          `\n  !! The lock in ${name} is NOT tested: there is no ${probe[0]} on this machine.`,
        );
        this.skip();
      }
      place = await mkdtemp(path.join(tmpdir(), "holdfast-language-"));
      command = await build(place);
      etcd = await EtcdServer.start({ noFsync: true });
      sidecar = await SidecarProcess.start({ etcd: etcd.endpoint, resources: [mutex("orders")] });
    });

    after(async () => {
      // Absent where it is not tested.
      await sidecar?.[Symbol.asyncDispose]();
      await etcd?.[Symbol.asyncDispose]();
      if (place !== undefined) await rm(place, { recursive: true, force: true });
    });

    const work = (lock: string, seconds: number, of = sidecar): Example => {
      const [program = "", ...args] = command;
      const env = { HOLDFAST_URL: urlOf(of), PYTHONDONTWRITEBYTECODE: "1" };
      return new Example(program, [...args, lock, String(seconds)], env);
    };
    const fenceIn = async (example: Example): Promise<bigint> =>
      BigInt((await example.says(/^has the lock, fence (\d+)$/m))[1] ?? "");

    it(`has at most ${linesMax} lines, without imports and comments`, async () => {
      const lines = (await readFile(path.join(folder, file), "utf8")).split("\n");
      const imports = /^(import |from |package |import \(|\t"[a-z/]+"$|\)$)/;
      const code = lines.filter((line) => !/^\s*(#|\/\/|$)/.test(line) && !imports.test(line));
      assert.ok(code.length <= linesMax, `${code.length} lines`);
      for (const line of code) assert.ok(line.length <= 130, line);
    });

    it("is held while the work is done, and given back at once after it", async () => {
      const done = work("a b/c", 1);
      const fence = await fenceIn(done);
      const next = await hold(sidecar, "orders/a%20b%2Fc", { wait: "20s" });
      assert.ok(next.fence > fence);
      assert.match(await done.succeeds(), /\ndone\n$/);
      await release(sidecar, next);
    });

    it("waits its turn", async () => {
      const held = await hold(sidecar, "orders/turn");
      await using waiting = work("turn", 0);
      await queued(sidecar, "orders/turn", 1);
      assert.equal(waiting.output, "");
      await release(sidecar, held);
      assert.ok((await fenceIn(waiting)) > held.fence);
      await waiting.succeeds();
      await works(sidecar, "orders/turn");
    });

    it("is free at once when the process dies, and so is its place in the line", async () => {
      await using killed = work("dies", 1_000);
      await fenceIn(killed);
      await using waiting = work("dies", 1_000);
      await queued(sidecar, "orders/dies", 1);
      await waiting.kill();
      await queued(sidecar, "orders/dies", 0);
      await killed.kill();
      await works(sidecar, "orders/dies");
    });

    it("tells the work when the lock is lost", async () => {
      await using far = await SidecarProcess.start({
        ...{ etcd: etcd.endpoint, resources: [mutex("orders")] },
      });
      await using losing = work("lost", 1_000, far);
      await fenceIn(losing);
      await far.kill();
      assert.match(await losing.succeeds(), /\nlost\n$/);
    });

    it("says why it was not granted", async () => {
      await using none = work("x".repeat(513), 0);
      await assert.rejects(none.succeeds(), /ended with 1:[^]*512/);
    });
  });
}
