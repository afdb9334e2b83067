import assert from "node:assert/strict";
import { licenceOf } from "#tools/image/licence-of.ts";
import { notices, type Part } from "#tools/image/part.ts";
import { distributionOf } from "#tools/image/parts-debian.ts";
import { readGoBuild } from "#tools/image/parts-go.ts";
import { packageFolderOf } from "#tools/image/parts-npm.ts";
import { sbomOf } from "#tools/image/sbom.ts";

describe("what an image is made of", () => {
  it("is told by the files of a bundle: their packages", () => {
    const folders = {
      "node_modules/a/lib/b.js": "node_modules/a",
      "node_modules/@a/b/c.js": "node_modules/@a/b",
      "node_modules/a/node_modules/@b/c/d.js": "node_modules/a/node_modules/@b/c",
      "../x/node_modules/a/index.js": "../x/node_modules/a",
      "sidecar/main.ts": undefined,
      "replaced:winston": undefined,
    };
    for (const [input, folder] of Object.entries(folders))
      assert.equal(packageFolderOf(input), folder, input);
  });

  it("is told by a Go program: its modules, as they were replaced", () => {
    const printed = [
      "etcd: go1.26.8",
      "\tpath\texample.com/a/cmd",
      "\tmod\texample.com/a\t(devel)\t",
      "\tdep\texample.com/B\tv1.0.0\th1:x=",
      "\tdep\texample.com/c\tv1.0.0",
      "\t=>\texample.com/d\tv2.0.0\th1:x=",
      "\tbuild\t-trimpath=true",
    ].join("\n");
    const modules = [
      { name: "example.com/B", version: "v1.0.0" },
      { name: "example.com/d", version: "v2.0.0" },
    ];
    assert.deepEqual(readGoBuild(printed, {}), { go: "1.26.8", modules });
    const known = readGoBuild(printed, { "example.com/a": "v3.0.0" });
    assert.deepEqual(known.modules[0], { name: "example.com/a", version: "v3.0.0" });
    assert.throws(() => readGoBuild("etcd: not a Go executable", {}), /tells no version/);
  });

  it("has licences that somebody has looked at", () => {
    const text = (name: string, ...content: readonly string[]) => ({
      ...{ name, content: Buffer.from(content.join("\n")) },
    });
    const bsd = "Redistribution and use in source and binary\n// forms, with or without";
    assert.equal(licenceOf("a", [text("LICENSE", bsd)]), "BSD-2-Clause");
    assert.equal(licenceOf("a", [text("LICENSE", bsd, "Neither the name of")]), "BSD-3-Clause");
    const two = [text("LICENSE", "Apache License", "  Version 2.0"), text("COPYING", bsd)];
    assert.equal(licenceOf("a", two), "Apache-2.0 AND BSD-2-Clause");
    assert.throws(
      () => licenceOf("a", [text("LICENSE", "All rights reserved")]),
      /of a is not known/,
    );
    // What a notice mentions is not what the module is under.
    assert.throws(() => licenceOf("a", [text("NOTICE", bsd)]), /of a is not known/);
  });

  it("names the distribution of its libraries", () => {
    assert.equal(distributionOf('PRETTY_NAME="Debian"\nID=debian\n'), "debian");
    assert.equal(distributionOf('ID_LIKE=debian\nID="ubuntu"\n'), "ubuntu");
  });
});

describe("a bill of materials", () => {
  const part = (name: string): Part => ({
    ...{ kind: "npm", name, version: "1.0.0", licence: "MIT", purl: `pkg:npm/${name}@1.0.0` },
    texts: [{ name: "LICENSE", content: Buffer.from("the terms") }],
  });
  const image = { name: "image", version: "2.0.0", licence: "Apache-2.0" };

  it("is the same for the same parts, and has another name for others", () => {
    const one = sbomOf(image, [part("a")]);
    assert.equal(sbomOf(image, [part("a")]), one);
    const nameOf = (text: string) =>
      (JSON.parse(text) as { documentNamespace: string }).documentNamespace;
    assert.notEqual(nameOf(sbomOf(image, [part("b")])), nameOf(one));
  });

  it("comes with the terms of each part", () => {
    const text = notices("image 2.0.0", [part("a"), part("b")]);
    assert.match(text, /^image 2\.0\.0 holds:\n {2}a 1\.0\.0: MIT\n {2}b 1\.0\.0: MIT\n/);
    assert.match(text, /b 1\.0\.0 \(MIT\), LICENSE\n=+\n\nthe terms/);
  });
});
