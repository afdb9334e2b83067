import assert from "node:assert/strict";
import { once } from "node:events";
import {
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  unlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "mocha";
import { FollowedFiles } from "#sidecar/resources/followed-files.ts";
import type { Document } from "#sidecar/resources/owner.ts";
import { realRuntime } from "#host/runtime.ts";
import { keepingLog } from "../../host/silent-log.ts";

function lock(name: string, ttl = "30s"): string {
  return `apiVersion: holdfast.dev/v1alpha1\nkind: DistributedLock\nmetadata: {name: ${name}}\nspec: {mode: Mutex, ttl: ${ttl}}\n---\n`;
}

async function folder() {
  const path = await mkdtemp(join(tmpdir(), "holdfast-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

async function following(path: string) {
  const published = new EventTarget();
  let sets: (readonly Document[])[] = [];
  const log = keepingLog();
  const files = await FollowedFiles.start({
    path,
    namespace: "default",
    runtime: realRuntime(log),
    publish: (documents) => {
      sets = [...sets, documents];
      published.dispatchEvent(new Event("set"));
    },
    onFailure: (name, error) => {
      throw new Error(name, { cause: error });
    },
  });
  const names = () =>
    (sets.at(-1) ?? [])
      .map(({ name, spec }) => `${name} ${spec.ttl}`)
      .sort()
      .join(", ");
  return {
    files,
    log,
    names,
    /** Resolves when the published set is this one. */
    until: async (wanted: string) => {
      while (names() !== wanted) await once(published, "set");
    },
    get sets() {
      return sets;
    },
    [Symbol.asyncDispose]: () => files.close(),
  };
}

describe("files of resources on disk", () => {
  it("are published at the start, and again as they are edited, added and removed", async () => {
    await using dir = await folder();
    await mkdir(join(dir.path, "below"));
    await writeFile(join(dir.path, "a.yaml"), lock("a"));
    await writeFile(join(dir.path, "below", "b.yml"), lock("b"));
    await writeFile(join(dir.path, "notes.txt"), lock("no"));
    await using seen = await following(dir.path);
    await seen.until("a 30s, b 30s");
    await writeFile(join(dir.path, "a.yaml"), lock("a", "5s"));
    await seen.until("a 5s, b 30s");
    await writeFile(join(dir.path, "c.json"), lock("c"));
    await seen.until("a 5s, b 30s, c 30s");
    await unlink(join(dir.path, "below", "b.yml"));
    await seen.until("a 5s, c 30s");
  });

  it("keep the last good document in force while a file is wrong, and say where", async () => {
    await using dir = await folder();
    const path = join(dir.path, "a.yaml");
    await writeFile(path, lock("a", "5s"));
    await using seen = await following(path);
    await seen.until("a 5s");
    await writeFile(path, lock("a", "wrong") + lock("b"));
    await seen.until("a 5s, b 30s");
    assert.match(seen.files.problems()[0]?.reason ?? "", /'wrong' is not a duration/);
    assert.equal(seen.files.problems()[0]?.line, 4);
    assert.ok(seen.log.lines.some(({ message }) => message.includes(`${path}:4: spec.ttl:`)));
  });

  it("are not taken to be gone while they are written in two steps", async () => {
    await using dir = await folder();
    const path = join(dir.path, "a.yaml");
    await writeFile(path, lock("a") + lock("b"));
    await using seen = await following(dir.path);
    await seen.until("a 30s, b 30s");
    await truncate(path, 0);
    await writeFile(join(dir.path, "mark.yaml"), lock("mark"));
    await seen.until("a 30s, b 30s, mark 30s");
    await writeFile(path, lock("a") + lock("b", "9s"));
    await seen.until("a 30s, b 9s, mark 30s");
    assert.ok(seen.sets.every((set) => set.length === 0 || set.some(({ name }) => name === "a")));
  });

  it("are followed through a ConfigMap's swap of links", async () => {
    await using dir = await folder();
    const first = join(dir.path, "..2026_01");
    await mkdir(first);
    await writeFile(join(first, "a.yaml"), lock("a"));
    await symlink("..2026_01", join(dir.path, "..data"));
    await symlink("..data/a.yaml", join(dir.path, "a.yaml"));
    await using seen = await following(dir.path);
    await seen.until("a 30s");
    const second = join(dir.path, "..2026_02");
    await mkdir(second);
    await writeFile(join(second, "a.yaml"), lock("a", "7s"));
    await symlink("..2026_02", join(dir.path, "..data_tmp"));
    await rename(join(dir.path, "..data_tmp"), join(dir.path, "..data"));
    await rm(first, { recursive: true });
    await seen.until("a 7s");
    assert.equal(await readFile(join(dir.path, "a.yaml"), "utf8"), lock("a", "7s"));
  });

  it("stay in force when their folder is swapped for another", async () => {
    await using dir = await folder();
    const live = join(dir.path, "live");
    const next = join(dir.path, "next");
    await mkdir(live);
    await mkdir(next);
    await writeFile(join(live, "a.yaml"), lock("a"));
    await writeFile(join(next, "a.yaml"), lock("a", "8s"));
    await using seen = await following(live);
    await seen.until("a 30s");
    await rename(live, join(dir.path, "old"));
    await rename(next, live);
    await seen.until("a 8s");
    // The new folder is watched, too.
    await writeFile(join(live, "b.yaml"), lock("b"));
    await seen.until("a 8s, b 30s");
    assert.ok(seen.sets.every((set) => set.length === 0 || set.some(({ name }) => name === "a")));
  });
});
