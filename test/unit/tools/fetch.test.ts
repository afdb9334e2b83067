import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { afterEach, beforeEach, describe, it } from "mocha";
import { cacheFolder, cached, install, locked } from "#tools/fetch/cache.ts";
import { checksumOf } from "#tools/fetch/from-release.ts";

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
