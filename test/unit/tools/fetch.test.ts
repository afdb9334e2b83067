import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { afterEach, beforeEach, describe, it } from "mocha";
import { cacheFolder, cached, install, locked } from "#tools/fetch/cache.ts";
import { checksumOf, fromRelease } from "#tools/fetch/from-release.ts";
import { run } from "#tools/fetch/step.ts";

describe("the cache of fetched tools", () => {
  const before = process.env["XDG_CACHE_HOME"];
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "holdfast-cache-"));
    process.env["XDG_CACHE_HOME"] = folder;
  });

  afterEach(async () => {
    if (before === undefined) delete process.env["XDG_CACHE_HOME"];
    else process.env["XDG_CACHE_HOME"] = before;
    await rm(folder, { recursive: true });
  });

  it("shows nothing of a fetch that failed half way", async () => {
    const failing = install("tool-1", async (place) => {
      await writeFile(path.join(place, "tool"), "half");
      throw new Error("interrupted");
    });
    await assert.rejects(failing, /interrupted/);
    assert.equal(cached("tool-1", "tool"), undefined);
    assert.deepEqual(await readdir(path.join(cacheFolder(), "tmp")), []);
  });

  it("keeps the first of two that were made at once", async () => {
    const make = (text: string) =>
      install("tool-1", (place) => writeFile(path.join(place, "tool"), text));
    const [one, two] = await Promise.all([make("a"), make("b")]);
    assert.equal(one, two);
    assert.ok(existsSync(cached("tool-1", "tool") ?? ""));
  });

  it("lets one fetcher work at a time", async () => {
    const log: string[] = [];
    const work = (name: string) =>
      locked(
        "tool-1",
        () => undefined,
        async () => {
          log.push(`${name} begins`);
          await new Promise((resolve) => setImmediate(resolve));
          log.push(`${name} ends`);
        },
      );
    await Promise.all([work("a"), work("b")]);
    assert.match(log.join(), /^(\w) begins,\1 ends,(\w) begins,\2 ends$/);
  });

  it("does not wait for a fetcher whose process has ended", async () => {
    await install("other", () => Promise.resolve());
    const ended = spawn(process.execPath, ["--version"], { stdio: "ignore" });
    await once(ended, "exit");
    await writeFile(path.join(cacheFolder(), "tool-1.lock"), `${ended.pid ?? 0}\n`);
    const said: string[] = [];
    const say = (line: string) => said.push(line);
    assert.equal(await locked("tool-1", say, () => Promise.resolve("worked")), "worked");
    assert.deepEqual(said, []);
  });

  it("does not wait for a fetcher that died", async () => {
    await install("other", () => Promise.resolve());
    const lock = path.join(cacheFolder(), "tool-1.lock");
    await writeFile(lock, "");
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(lock, longAgo, longAgo);
    assert.equal(
      await locked(
        "tool-1",
        () => undefined,
        () => Promise.resolve("worked"),
      ),
      "worked",
    );
  });
});

describe("a release", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "holdfast-release-"));
  });

  afterEach(() => rm(folder, { recursive: true }));

  /** Serves one archive with a program in it, under the checksum that `sumOf` makes of it. */
  async function serve(sumOf: (archive: Buffer) => string): Promise<Server & AsyncDisposable> {
    const name = "etcd-v3.7.3-linux-amd64";
    await mkdir(path.join(folder, name));
    await writeFile(path.join(folder, name, "etcd"), "#!/bin/sh\n");
    await run({ command: "tar", args: ["-czf", "archive", name], folder });
    const archive = await readFile(path.join(folder, "archive"));
    const server = createServer((request, response) => {
      const sums = request.url?.endsWith("SHA256SUMS") === true;
      response.end(sums ? `${sumOf(archive)}  ${name}.tar.gz\n` : archive);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return Object.assign(server, {
      [Symbol.asyncDispose]: async () => {
        server.closeAllConnections();
        server.close();
        await once(server, "close");
      },
    });
  }

  async function take(server: Server): Promise<string> {
    const { port } = server.address() as AddressInfo;
    const place = path.join(folder, "place");
    await mkdir(place);
    const base = `http://127.0.0.1:${port}`;
    const say = () => undefined;
    await fromRelease({ program: "etcd", version: "3.7.3", folder: place, say, base });
    return place;
  }

  const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

  it("gives its program, and nothing else", async function () {
    if (process.platform !== "linux" || process.arch !== "x64") this.skip();
    await using server = await serve(sha256);
    assert.deepEqual(await readdir(await take(server)), ["etcd"]);
  });

  it("is refused when it has another checksum than it names", async function () {
    if (process.platform !== "linux" || process.arch !== "x64") this.skip();
    await using server = await serve((archive) => sha256(archive.subarray(1)));
    await assert.rejects(take(server), /has the checksum/);
    assert.deepEqual(await readdir(path.join(folder, "place")), []);
  });
});

describe("the checksums of a release", () => {
  const sum = "0123456789abcdef".repeat(4);

  it("are found by the archive's whole name", () => {
    const text = `${"f".repeat(64)}  etcd-v3.7.3-linux-amd64.tar.gz.old\n${sum}  etcd-v3.7.3-linux-amd64.tar.gz\n`;
    assert.equal(checksumOf(text, "etcd-v3.7.3-linux-amd64.tar.gz"), sum);
  });

  it("are missed, not guessed", () => {
    assert.throws(() => checksumOf("", "x"), /names no checksum/);
    assert.throws(() => checksumOf(`abc  x`, "x"), /names no checksum/);
  });
});
