/** The images as files: the archive of each, its bill of materials and the terms of its parts. */
import { mkdir, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { archiveOf, manifested } from "./archive.ts";
import { makeImages, version, type ImageName, type Made, type Making } from "./images.ts";
import { notices } from "./part.ts";

export interface Written {
  readonly name: ImageName;
  readonly archive: string;
  /** Of its manifest: registries know it by this. */
  readonly digest: string;
  readonly layers: readonly { readonly digest: string; readonly sizeBytes: number }[];
  /** What is pulled. */
  readonly sizeBytes: number;
}

/** Where `make image` puts them. */
export const imagesFolder = ".cache/images";

export const archivePath = (folder: string, name: ImageName): string =>
  path.join(folder, `${name}-${version}.tar`);

export async function* writeImages(making: Making): AsyncGenerator<Written> {
  await mkdir(making.folder, { recursive: true });
  for await (const made of makeImages(making)) yield await writeImage(making.folder, made);
}

async function writeImage(folder: string, { name, image, parts, sbom }: Made): Promise<Written> {
  const archive = archivePath(folder, name);
  const beside = archive.slice(0, -".tar".length);
  await writeFile(`${beside}.spdx.json`, sbom);
  await writeFile(`${beside}.licenses.txt`, notices(`${name} ${version}`, parts));
  const { digest, layers } = manifested(image, process.arch);
  // Whole or not at all: somebody may be loading it.
  const half = `${archive}.${process.pid}`;
  await writeFile(half, archiveOf(image, process.arch));
  await rename(half, archive);
  const sizes = layers.map((layer) => ({ digest: layer.digest, sizeBytes: layer.size }));
  const sizeBytes = sizes.reduce((total, layer) => total + layer.sizeBytes, 0);
  return { name, archive, digest, layers: sizes, sizeBytes };
}
