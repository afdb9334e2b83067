import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { relink } from "#tools/fetch/relink.ts";

describe("the links of an unpacked package", () => {
  let folder: string;
  const at = (name: string): string => path.join(folder, name);

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "holdfast-relink-"));
    await mkdir(at("usr/lib/java/conf"), { recursive: true });
    await mkdir(at("etc/java"), { recursive: true });
    await writeFile(at("etc/java/security"), "settings");
  });

  afterEach(() => rm(folder, { recursive: true }));

  it("that name a place below / name the one in the folder", async () => {
    await symlink("/etc/java/security", at("usr/lib/java/conf/security"));
    await relink(folder);
    assert.equal(await readFile(at("usr/lib/java/conf/security"), "utf8"), "settings");
    assert.equal(await readlink(at("usr/lib/java/conf/security")), "../../../../etc/java/security");
  });

  it("are followed through others, and from folders", async () => {
    await symlink("/etc/settings", at("usr/lib/java/conf/a"));
    await symlink("/etc/java", at("etc/settings"));
    await relink(folder);
    assert.equal(await readFile(at("usr/lib/java/conf/a/security"), "utf8"), "settings");
  });

  it("stay as they are where they name their neighbours, or what no package brought", async () => {
    await symlink("security", at("etc/java/neighbour"));
    await symlink("/etc/passwd", at("etc/java/of-machine"));
    await symlink("/../../etc/passwd", at("etc/java/outside"));
    await relink(folder);
    assert.equal(await readlink(at("etc/java/neighbour")), "security");
    assert.equal(await readlink(at("etc/java/of-machine")), "/etc/passwd");
    assert.equal(await readlink(at("etc/java/outside")), "/../../etc/passwd");
  });
});
