import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { after, type Epoch, type Instant } from "#core/runtime.ts";
import { parseDistributedLockSpec } from "#api/resources/distributed-lock.ts";
import { goneMs, Wanted, type Entry, type FileContent } from "#sidecar/resources/wanted.ts";

function good(name: string, ttl = "30s", line = 1): Entry {
  const read = parseDistributedLockSpec({ mode: "Mutex", ttl }, "spec");
  assert.ok(read.ok);
  return { kind: "resource", name, line, spec: read.spec };
}

function bad(name?: string): Entry {
  return {
    kind: "wrong",
    name,
    line: 1,
    problems: [{ file: "a.yaml", line: 1, reason: "is wrong" }],
  };
}

function file(...entries: Entry[]): FileContent {
  const unclear = entries.some((entry) => entry.kind === "wrong" && entry.name === undefined);
  return { changedAt: 0 as Epoch, entries, unclear };
}

/** Looks at files, as time passes. */
class Looking {
  readonly #wanted = new Wanted();
  #now = 0 as Instant;

  look(files: Record<string, FileContent>, passedMs = 0, incomplete = false) {
    this.#now = after(this.#now, passedMs);
    const wish = this.#wanted.update(
      { files: new Map(Object.entries(files)), incomplete },
      this.#now,
    );
    return { ...wish, names: wish.documents.map(({ name, spec }) => `${name} ${spec.ttl}`).sort() };
  }
}

describe("what the files ask for", () => {
  it("is the last good document of a name while the present one is wrong", () => {
    const looking = new Looking();
    assert.deepEqual(looking.look({ "a.yaml": file(good("x", "5s")) }).names, ["x 5s"]);
    const wish = looking.look({ "a.yaml": file(bad("x")) }, 2 * goneMs);
    assert.deepEqual(wish.names, ["x 5s"]);
    assert.equal(wish.problems[0]?.name, "x");
    assert.deepEqual(looking.look({ "a.yaml": file(good("x", "9s")) }).names, ["x 9s"]);
  });

  it("lets a document go that stayed away, and not one that came back", () => {
    const looking = new Looking();
    looking.look({ "a.yaml": file(good("x"), good("y")) });
    const away = looking.look({ "a.yaml": file(good("y")) });
    assert.deepEqual(away.names, ["x 30s", "y 30s"]);
    assert.equal(away.againAt, goneMs);
    looking.look({ "a.yaml": file(good("x"), good("y")) }, goneMs - 1);
    assert.deepEqual(looking.look({ "a.yaml": file(good("y")) }, 1).names, ["x 30s", "y 30s"]);
    assert.deepEqual(looking.look({ "a.yaml": file(good("y")) }, goneMs).names, ["y 30s"]);
  });

  it("lets a file's documents go with the file, and keeps one that moved", () => {
    const looking = new Looking();
    looking.look({ "a.yaml": file(good("x"), good("y")) });
    looking.look({ "b.yaml": file(good("y")) });
    assert.deepEqual(looking.look({ "b.yaml": file(good("y")) }, goneMs).names, ["y 30s"]);
  });

  it("keeps everything while the folder cannot be read, however long", () => {
    const looking = new Looking();
    looking.look({ "a.yaml": file(good("x")) });
    looking.look({}, 0, true);
    assert.deepEqual(looking.look({}, 10 * goneMs, true).names, ["x 30s"]);
    // The time away counts from when it could have been seen.
    assert.deepEqual(looking.look({}).names, ["x 30s"]);
    assert.deepEqual(looking.look({}, goneMs).names, []);
  });

  it("keeps what may stand in the part of a file that is broken", () => {
    const looking = new Looking();
    looking.look({ "a.yaml": file(good("x"), good("y")) });
    looking.look({ "a.yaml": file(good("x"), bad()) });
    assert.deepEqual(looking.look({ "a.yaml": file(good("x"), bad()) }, goneMs).names, [
      "x 30s",
      "y 30s",
    ]);
  });

  it("names a document that stands twice, and takes the first by file and line", () => {
    const looking = new Looking();
    const wish = looking.look({
      "b.yaml": file(good("x", "2s", 7)),
      "a.yaml": file(good("x", "1s", 3)),
    });
    assert.deepEqual(wish.names, ["x 1s"]);
    assert.equal(wish.problems.length, 1);
    assert.equal(wish.problems[0]?.file, "b.yaml");
    assert.match(wish.problems[0].reason, /stands already at a\.yaml:3/);
  });
});
