import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { file, folder, link } from "#tools/image/entries.ts";
import { tar, untar } from "#tools/image/tar.ts";

describe("the archives of images", () => {
  const entries = [
    folder("tmp", 0o1777),
    folder("bin"),
    file("bin/odd", Buffer.from("x".repeat(513)), 0o755),
    file("bin/even", Buffer.alloc(1_024)),
    file("empty", Buffer.alloc(0)),
    link("bin/sh", "odd"),
  ];
  const archive = tar(entries);

  it("are read by tar, with modes, sizes, owners and links", () => {
    const listed = execFileSync("tar", ["--list", "--verbose", "--numeric-owner", "--utc"], {
      input: archive,
      encoding: "utf8",
    });
    const lines = listed.trim().split("\n");
    assert.deepEqual(
      lines.map((line) => line.replace(/\s+1970-01-01 00:00 /, " ").replaceAll(/\s+/g, " ")),
      [
        "drwxrwxrwt 0/0 0 tmp/",
        "drwxr-xr-x 0/0 0 bin/",
        "-rwxr-xr-x 0/0 513 bin/odd",
        "-rw-r--r-- 0/0 1024 bin/even",
        "-rw-r--r-- 0/0 0 empty",
        "lrwxrwxrwx 0/0 0 bin/sh -> odd",
      ],
    );
  });

  it("give back what was put in", () => {
    const args = ["--extract", "--to-stdout", "bin/odd"];
    const content = execFileSync("tar", args, { input: archive, encoding: "utf8" });
    assert.equal(content, "x".repeat(513));
  });

  it("are the same for the same entries", () => {
    assert.deepEqual(tar(entries), archive);
  });

  it("are read by ourselves, too", () => {
    assert.deepEqual(untar(archive), entries);
  });

  it("hold names that are longer than one field", () => {
    const name = `${"a".repeat(120)}/${"b".repeat(100)}`;
    const long = tar([file(name, "here")]);
    assert.equal(execFileSync("tar", ["--list"], { input: long, encoding: "utf8" }), `${name}\n`);
    assert.deepEqual(untar(long), [file(name, "here")]);
  });

  it("refuse a name that would be cut off", () => {
    assert.throws(() => tar([file("n".repeat(101), "")]), /too long a name/);
    assert.throws(() => tar([file(`${"a".repeat(156)}/b`, "")]), /too long a name/);
    assert.throws(() => tar([link("short", "t".repeat(101))]), /too long a name/);
  });
});
