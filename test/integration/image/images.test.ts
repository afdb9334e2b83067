/** The images as files: how large, of what, for whom, and twice the same. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { gunzipSync } from "node:zlib";
import { readArchive, type Manifested } from "#tools/image/archive.ts";
import { imageNames, version, type ImageName } from "#tools/image/images.ts";
import { untar, type Entry } from "#tools/image/tar.ts";
import { archivePath, imagesFolder, writeImages, type Written } from "#tools/image/write.ts";

/** What may be pulled. A sidecar is pulled to every node. */
const sizeMaxBytes: Readonly<Record<ImageName, number>> = {
  "holdfast-sidecar": 60e6,
  "holdfast-operator": 90e6,
  "holdfast-etcd": 20e6,
};

const runnableOf: Readonly<Record<ImageName, readonly string[]>> = {
  "holdfast-sidecar": ["usr/local/bin/node", "usr/local/bin/holdfast"],
  "holdfast-operator": ["usr/local/bin/node"],
  "holdfast-etcd": ["etcd", "holdfast-etcd"],
};

interface Config {
  readonly config: {
    readonly User: string;
    readonly Env: readonly string[];
    readonly Entrypoint: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
  };
}

interface Sbom {
  readonly packages: readonly {
    readonly SPDXID: string;
    readonly name: string;
    readonly versionInfo: string;
    readonly licenseDeclared: string;
  }[];
  readonly relationships: readonly { readonly relatedSpdxElement: string }[];
}

async function made(folder: string): Promise<Map<ImageName, Written>> {
  const all = new Map<ImageName, Written>();
  for await (const each of writeImages({ folder, say: () => undefined })) all.set(each.name, each);
  return all;
}

describe("the images", function () {
  this.timeout(240_000);
  let written: Map<ImageName, Written>;
  const images = new Map<ImageName, Manifested>();

  before(async () => {
    written = await made(imagesFolder);
    for (const name of imageNames)
      images.set(name, readArchive(await readFile(archivePath(imagesFolder, name))));
  });

  const image = (name: ImageName): Manifested => {
    const found = images.get(name);
    assert.ok(found !== undefined);
    return found;
  };
  const blob = (name: ImageName, digest: string): Buffer =>
    image(name).blobs.get(digest) ?? Buffer.alloc(0);
  const config = (name: ImageName): Config =>
    JSON.parse(blob(name, image(name).config.digest).toString()) as Config;
  const entries = (name: ImageName): Entry[] =>
    image(name).layers.flatMap(({ digest }) => untar(gunzipSync(blob(name, digest))));
  const textOf = (name: ImageName, file: string): string => {
    const entry = entries(name).find((each) => each.name === file);
    assert.ok(entry?.is.kind === "file", file);
    return entry.is.content.toString();
  };

  it("are the same bytes when they are made again", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "holdfast-images-"));
    try {
      const again = await made(folder);
      for (const [name, { digest }] of again) assert.equal(digest, written.get(name)?.digest, name);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it("share the layer that holds Node", () => {
    const [sidecar, operator] = (["holdfast-sidecar", "holdfast-operator"] as const).map(image);
    assert.equal(sidecar?.layers[0]?.digest, operator?.layers[0]?.digest);
    assert.notEqual(sidecar?.layers[1]?.digest, operator?.layers[1]?.digest);
  });

  for (const name of imageNames) {
    describe(name, () => {
      it("is small enough", () => {
        const { sizeBytes = Infinity } = written.get(name) ?? {};
        assert.ok(sizeBytes < sizeMaxBytes[name], `${sizeBytes} bytes`);
      });

      it("runs as nobody else, with a name for that number", () => {
        assert.equal(config(name).config.User, "65532:65532");
        assert.match(textOf(name, "etc/passwd"), /^holdfast:x:65532:65532:/m);
        assert.match(textOf(name, "etc/group"), /^holdfast:x:65532:/m);
      });

      it("holds nothing to run but its own, and what it is started with", () => {
        const runnable = entries(name)
          .filter(({ mode, is }) => is.kind === "file" && (mode & 0o111) !== 0)
          .map((entry) => entry.name)
          .filter((file) => !/\.so(\.\d+)*$/.test(file));
        assert.deepEqual(runnable, runnableOf[name]);
        const [program = "", ...args] = config(name).config.Entrypoint;
        const files = entries(name).map((entry) => `/${entry.name}`);
        for (const file of [program, ...args.filter((arg) => arg.startsWith("/"))])
          assert.ok(files.includes(file), file);
      });

      it("says what it is", () => {
        const { Labels } = config(name).config;
        assert.equal(Labels["org.opencontainers.image.title"], name);
        assert.equal(Labels["org.opencontainers.image.version"], version);
        assert.equal(Labels["org.opencontainers.image.licenses"], "Apache-2.0");
      });

      it("lists all that is in it, each with a version, a licence and its text", async () => {
        const beside = archivePath(imagesFolder, name).slice(0, -".tar".length);
        const text = textOf(name, `licenses/${name}.spdx.json`);
        assert.equal(await readFile(`${beside}.spdx.json`, "utf8"), text);
        const { packages, relationships } = JSON.parse(text) as Sbom;
        assert.ok(packages.length > 15);
        assert.equal(new Set(packages.map(({ SPDXID }) => SPDXID)).size, packages.length);
        for (const { SPDXID } of packages)
          assert.ok(relationships.some((each) => each.relatedSpdxElement === SPDXID));
        const notices = await readFile(`${beside}.licenses.txt`, "utf8");
        const folders = entries(name).map((entry) => entry.name);
        for (const { name: part, versionInfo, licenseDeclared } of packages.slice(1)) {
          assert.match(versionInfo, /\d/);
          assert.match(licenseDeclared, /^[(A-Z]/);
          assert.ok(notices.includes(`${part} ${versionInfo} (${licenseDeclared})`), part);
          const place = `/${part.replaceAll("/", "_")}@${versionInfo}/`;
          assert.ok(
            folders.some((each) => each.startsWith("licenses/") && each.includes(place)),
            part,
          );
        }
      });
    });
  }

  const partsOf = (name: ImageName): string[] => {
    const { packages } = JSON.parse(textOf(name, `licenses/${name}.spdx.json`)) as Sbom;
    return packages.map((each) => each.name);
  };

  it("know what they are made of: npm's packages, Node, Debian's libraries, Go's modules", () => {
    for (const part of ["node", "libc6", "libstdc++6", "winston"])
      assert.ok(partsOf("holdfast-sidecar").includes(part), part);
    assert.ok(partsOf("holdfast-operator").includes("etcd3"));
    // What is only developed with is in none.
    assert.ok(!partsOf("holdfast-sidecar").includes("mocha"));
    for (const part of ["stdlib", "go.etcd.io/etcd/server/v3", "go.etcd.io/bbolt"])
      assert.ok(partsOf("holdfast-etcd").includes(part), part);
  });

  it("hold the libraries that look names up, where the C library looks for them", () => {
    const names = entries("holdfast-sidecar").map((entry) => path.basename(entry.name));
    for (const library of ["libc.so.6", "libresolv.so.2", "nsswitch.conf"])
      assert.ok(names.includes(library), library);
  });

  it("leave no half of an archive beside them", () => {
    for (const name of imageNames)
      assert.equal(existsSync(`${archivePath(imagesFolder, name)}.${process.pid}`), false);
  });
});
