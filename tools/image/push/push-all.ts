/** Archives of a folder to a registry, one after another, with a line for each blob. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { readArchive } from "../archive.ts";
import { imageNames, version } from "../images.ts";
import { archivePath } from "../write.ts";
import { NoPlace, repositoryIn, type Place } from "./place.ts";
import { push } from "./push.ts";
import type { Registry } from "./registry.ts";

export interface Folder {
  readonly folder: string;
  readonly say: (line: string) => void;
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** Returns what each is now known by, with its digest. */
export async function pushAll(
  registry: Registry,
  place: Place,
  { folder, say }: Folder,
): Promise<string[]> {
  const before: string[] = [];
  const names: string[] = [];
  for (const name of imageNames) {
    const archive = archivePath(folder, name);
    if (!existsSync(archive)) throw new NoPlace(`${archive} is missing: make image makes it.`);
    const image = readArchive(await readFile(archive));
    const repository = repositoryIn(place, name);
    const what = { repository, tag: version, image, beside: before };
    await push(registry, what, (digest, sizeBytes, fate) => {
      say(`${name}: ${digest.slice(0, 19)} ${megabytes(sizeBytes)} ${fate}`);
    });
    names.push(`${place.host}/${repository}:${version}@${image.digest}`);
    before.push(repository);
  }
  return names;
}
