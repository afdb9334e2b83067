/** Images without a daemon and without a registry: an archive as `docker save` writes it, which containerd imports. */
import { createHash } from "node:crypto";
import { tar, type Entry } from "./tar.ts";

export interface Image {
  /** With host and tag. */
  readonly name: string;
  readonly entries: readonly Entry[];
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  /** Who it runs as: a number and a number. */
  readonly user?: string;
}

const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

export function archiveOf(image: Image, nodeArch: string): Buffer {
  const layer = tar(image.entries);
  const digest = hex(layer);
  const settings = {
    Env: ["PATH=/usr/local/bin:/usr/bin:/bin"],
    WorkingDir: "/",
    ...(image.entrypoint === undefined ? {} : { Entrypoint: image.entrypoint }),
    ...(image.command === undefined ? {} : { Cmd: image.command }),
    ...(image.user === undefined ? {} : { User: image.user }),
  };
  const config = json({
    architecture: architectures[nodeArch] ?? nodeArch,
    os: "linux",
    created: "1970-01-01T00:00:00Z",
    config: settings,
    rootfs: { type: "layers", diff_ids: [`sha256:${digest}`] },
    history: [{ created: "1970-01-01T00:00:00Z" }],
  });
  const configName = `${hex(config)}.json`;
  const layerName = `${digest}/layer.tar`;
  const manifest = json([{ Config: configName, RepoTags: [image.name], Layers: [layerName] }]);
  return tar([file(configName, config), file(layerName, layer), file("manifest.json", manifest)]);
}

export function file(name: string, content: Buffer, mode = 0o644): Entry {
  return { name, mode, is: { kind: "file", content } };
}

export function folder(name: string, mode = 0o755): Entry {
  return { name: `${name}/`, mode, is: { kind: "folder" } };
}

export function link(name: string, target: string): Entry {
  return { name, mode: 0o777, is: { kind: "link", target } };
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const hex = (content: Buffer): string => createHash("sha256").update(content).digest("hex");
