/** Layers as registries keep them: a tar, compressed. Node's own zlib writes neither time nor name into it. */
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { digestOf, mediaTypes, type Layer } from "./archive.ts";
import { tar, type Entry } from "./tar.ts";

/** containerd 1.6 reads gzip; zstd would save a twentieth. */
const level = 6;

/** Compressing Node takes seconds: what was compressed once lies in `folder`, by the digest of what it was. */
export async function layerOf(entries: readonly Entry[], folder: string): Promise<Layer> {
  const plain = tar(entries);
  const diffId = digestOf(plain);
  const zlib = process.versions.zlib;
  const kept = path.join(folder, `${diffId.slice("sha256:".length)}-${level}-${zlib}.tar.gz`);
  const content = existsSync(kept) ? await readFile(kept) : await compress(plain, kept);
  return { mediaType: mediaTypes.tarGzip, diffId, content };
}

async function compress(plain: Buffer, kept: string): Promise<Buffer> {
  const content = await promisify(gzip)(plain, { level });
  await mkdir(path.dirname(kept), { recursive: true });
  // Whole or not at all, whoever else makes the same.
  const half = `${kept}.${process.pid}`;
  await writeFile(half, content);
  await rename(half, kept);
  return content;
}
