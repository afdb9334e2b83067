import assert from "node:assert/strict";
import {
  archiveOf,
  manifested,
  plainLayer,
  readArchive,
  type Image,
} from "#tools/image/archive.ts";
import { file } from "#tools/image/entries.ts";
import { tar, untar, type Entry } from "#tools/image/tar.ts";

const image: Image = {
  reference: "docker.io/library/some:1.2",
  layers: [plainLayer([file("one", "1")]), plainLayer([file("two", "2")])],
  settings: { entrypoint: ["/one"], user: "1:2", labels: { a: "b" }, env: ["C=d"] },
};

describe("the archive of an image", () => {
  const archive = archiveOf(image, "x64");
  const entries = untar(archive);
  const json = (name: string): unknown => {
    const found = entries.find((entry) => entry.name === name);
    return found?.is.kind === "file" ? JSON.parse(found.is.content.toString()) : undefined;
  };

  it("gives back the image, by its digests", () => {
    const { manifest, digest, blobs } = readArchive(archive);
    const wanted = manifested(image, "x64");
    assert.equal(digest, wanted.digest);
    assert.deepEqual(manifest, wanted.manifest);
    assert.deepEqual([...blobs.keys()], [...wanted.blobs.keys()]);
  });

  it("has the name for containerd in the index, and for Docker in its manifest.json", () => {
    const index = json("index.json") as { manifests: [{ annotations: Record<string, string> }] };
    assert.equal(index.manifests[0].annotations["io.containerd.image.name"], image.reference);
    const [docker] = json("manifest.json") as [{ RepoTags: string[]; Layers: string[] }];
    assert.deepEqual(docker.RepoTags, ["some:1.2"]);
    const names = entries.map((entry) => entry.name);
    for (const layer of docker.Layers) assert.ok(names.includes(layer), layer);
    assert.deepEqual(json("oci-layout"), { imageLayoutVersion: "1.0.0" });
  });

  it("is of the machine's kind, as images name it", () => {
    const { config, blobs } = manifested(image, "arm64");
    const read = JSON.parse(blobs.get(config.digest)?.toString() ?? "") as Record<string, unknown>;
    assert.equal(read["architecture"], "arm64");
    assert.notEqual(manifested(image, "x64").digest, manifested(image, "arm64").digest);
  });

  it("is refused where a blob is not what its name says, or is not there", () => {
    const changed = (change: (entry: Entry) => Entry | undefined): Buffer =>
      tar(entries.map(change).filter((entry) => entry !== undefined));
    const layer = readArchive(archive).layers[1]?.digest.replace(":", "/") ?? "";
    const damaged = changed((entry) =>
      entry.name.endsWith(layer) ? file(entry.name, "damaged") : entry,
    );
    assert.throws(() => readArchive(damaged), /in the place of sha256:/);
    const short = changed((entry) => (entry.name.endsWith(layer) ? undefined : entry));
    assert.throws(() => readArchive(short), /holds no blobs/);
  });
});
