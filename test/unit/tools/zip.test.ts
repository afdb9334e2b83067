import assert from "node:assert/strict";
import { deflateRawSync } from "node:zlib";
import { takeFromZip } from "#tools/fetch/zip.ts";

interface File {
  readonly name: string;
  readonly text: string;
  readonly packed: boolean;
}

/** As the format has it; the local headers have an extra field, the directory has none. */
function zip(files: readonly File[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, text, packed } of files) {
    const content = packed ? deflateRawSync(text) : Buffer.from(text);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(name.length, 26);
    local.writeUInt16LE(4, 28);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50);
    entry.writeUInt16LE(packed ? 8 : 0, 10);
    entry.writeUInt32LE(content.length, 20);
    entry.writeUInt32LE(text.length, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(at, 42);
    directory.push(entry, Buffer.from(name));
    const whole = Buffer.concat([local, Buffer.from(name), Buffer.alloc(4), content]);
    parts.push(whole);
    at += whole.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

describe("a file out of a zip archive", () => {
  const archive = zip([
    { name: "kubectl/kubectl", text: "one", packed: true },
    { name: "helm/helm", text: "two ".repeat(1_000), packed: true },
    { name: "README", text: "three", packed: false },
  ]);

  it("is as it was put in, packed or not", () => {
    assert.equal(takeFromZip(archive, "helm/helm").toString(), "two ".repeat(1_000));
    assert.equal(takeFromZip(archive, "README").toString(), "three");
  });

  it("is told of where it is not there, or where there is no archive", () => {
    assert.throws(() => takeFromZip(archive, "helm/other"), /has no helm\/other/);
    assert.throws(() => takeFromZip(Buffer.from("no archive"), "helm/helm"), /no zip archive/);
    assert.throws(() => takeFromZip(archive.subarray(0, -10), "helm/helm"), /no zip archive/);
  });
});
