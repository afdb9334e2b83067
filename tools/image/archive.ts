/**
 * Images without a daemon and without a registry: a tar that is an OCI image layout and has Docker's manifest.json beside
 * it, so that containerd, Docker, Podman, kind, k3s and minikube all load the same file.
 */
import { createHash } from "node:crypto";
import { file, folder } from "./entries.ts";
import { tar, untar, type Entry } from "./tar.ts";

export const mediaTypes = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  tar: "application/vnd.oci.image.layer.v1.tar",
  tarGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
} as const;

export interface Layer {
  readonly mediaType: string;
  /** Of the entries as a tar, before it was compressed. */
  readonly diffId: string;
  /** As it lies in the archive. */
  readonly content: Buffer;
}

export interface Settings {
  readonly env?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  /** Who it runs as: a number and a number. */
  readonly user?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface Image {
  /** With host and tag, as Kubernetes writes it out. */
  readonly reference: string;
  readonly layers: readonly Layer[];
  readonly settings: Settings;
}

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** What registries hold of an image: its manifest, and the blobs that this names. */
export interface Manifested {
  readonly manifest: Buffer;
  readonly digest: string;
  readonly blobs: ReadonlyMap<string, Buffer>;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** All times: images of the same content are the same bytes. */
export const noTime = "1970-01-01T00:00:00Z";
const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

export const digestOf = (content: Buffer): string =>
  `sha256:${createHash("sha256").update(content).digest("hex")}`;

/** A layer that is not compressed: quick to make. */
export function plainLayer(entries: readonly Entry[]): Layer {
  const content = tar(entries);
  return { mediaType: mediaTypes.tar, diffId: digestOf(content), content };
}

export function manifested({ layers, settings }: Image, nodeArch: string): Manifested {
  const config = json({
    architecture: architectures[nodeArch] ?? nodeArch,
    os: "linux",
    created: noTime,
    config: settingsOf(settings),
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created: noTime })),
  });
  const described = {
    config: descriptor(mediaTypes.config, config),
    layers: layers.map(({ mediaType, content }) => descriptor(mediaType, content)),
  };
  const manifest = json({ schemaVersion: 2, mediaType: mediaTypes.manifest, ...described });
  const contents = [config, ...layers.map(({ content }) => content)];
  return {
    manifest,
    digest: digestOf(manifest),
    blobs: new Map(contents.map((content) => [digestOf(content), content])),
    ...described,
  };
}

export function archiveOf(image: Image, nodeArch: string): Buffer {
  const { manifest, digest, blobs, config, layers } = manifested(image, nodeArch);
  const { reference } = image;
  const index = json({
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: [
      {
        ...descriptor(mediaTypes.manifest, manifest),
        annotations: {
          "io.containerd.image.name": reference,
          "org.opencontainers.image.ref.name": reference.slice(reference.lastIndexOf(":") + 1),
        },
      },
    ],
  });
  const forDocker = json([
    {
      Config: blobPath(config.digest),
      RepoTags: [reference.replace(/^docker\.io\/(library\/)?/, "")],
      Layers: layers.map((layer) => blobPath(layer.digest)),
    },
  ]);
  return tar([
    file("oci-layout", json({ imageLayoutVersion: "1.0.0" })),
    file("index.json", index),
    file("manifest.json", forDocker),
    ...["blobs", "blobs/sha256"].map((name) => folder(name)),
    file(blobPath(digest), manifest),
    ...[...blobs].map(([each, content]) => file(blobPath(each), content)),
  ]);
}

/** What an archive of {@link archiveOf} holds. */
export function readArchive(archive: Buffer): Manifested {
  const files = new Map(
    untar(archive).flatMap(({ name, is }) => (is.kind === "file" ? [[name, is.content]] : [])),
  );
  const read = (name: string): Buffer => {
    const content = files.get(name);
    if (content === undefined) throw new Error(`the archive holds no ${name}`);
    return content;
  };
  const index = JSON.parse(read("index.json").toString()) as { manifests: [Descriptor] };
  const { digest } = index.manifests[0];
  const manifest = read(blobPath(digest));
  const { config, layers } = JSON.parse(manifest.toString()) as Pick<
    Manifested,
    "config" | "layers"
  >;
  const blobs = new Map(
    [config, ...layers].map((each) => [each.digest, read(blobPath(each.digest))]),
  );
  for (const [named, content] of [...blobs, [digest, manifest] as const]) {
    const found = digestOf(content);
    if (found !== named) throw new Error(`the archive holds ${found} in the place of ${named}`);
  }
  return { manifest, digest, blobs, config, layers };
}

function settingsOf({ env = [], entrypoint, command, user, labels }: Settings): object {
  return {
    Env: ["PATH=/usr/local/bin:/usr/bin:/bin", ...env],
    WorkingDir: "/",
    ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint }),
    ...(command === undefined ? {} : { Cmd: command }),
    ...(user === undefined ? {} : { User: user }),
    ...(labels === undefined ? {} : { Labels: labels }),
  };
}

const descriptor = (mediaType: string, content: Buffer): Descriptor => ({
  mediaType,
  digest: digestOf(content),
  size: content.length,
});

const blobPath = (digest: string): string => `blobs/${digest.replace(":", "/")}`;
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
