/** `make image-push REGISTRY=host/path`: what `make image` has made, to a registry. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import process from "node:process";
import { readArchive } from "./image/archive.ts";
import { imageNames, version } from "./image/images.ts";
import { credentialsFor, NoCredentials, type Environment } from "./image/push/credentials.ts";
import { NoPlace, placeOf, repositoryIn } from "./image/push/place.ts";
import { push } from "./image/push/push.ts";
import { PushRefused } from "./image/push/refused.ts";
import { Registry } from "./image/push/registry.ts";
import { archivePath, imagesFolder } from "./image/write.ts";

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

export async function pushAll(
  wanted: string,
  env: Environment,
  say: (line: string) => void,
): Promise<void> {
  const place = placeOf(wanted);
  const registry = new Registry(place, await credentialsFor(place.host, env));
  const before: string[] = [];
  for (const name of imageNames) {
    const archive = archivePath(imagesFolder, name);
    if (!existsSync(archive)) throw new NoPlace(`${archive} is missing: make image makes it.`);
    const image = readArchive(await readFile(archive));
    const repository = repositoryIn(place, name);
    await push(
      registry,
      { repository, tag: version, image, beside: before },
      (digest, size, fate) => {
        say(`${name}: ${digest.slice(0, 19)} ${megabytes(size)} ${fate}`);
      },
    );
    say(`${place.host}/${repository}:${version}@${image.digest}`);
    before.push(repository);
  }
}

async function main(): Promise<number> {
  const { REGISTRY = "" } = process.env;
  try {
    await pushAll(REGISTRY, process.env, (line) => {
      console.log(line);
    });
    return 0;
  } catch (error) {
    const isTold = [NoPlace, NoCredentials, PushRefused].some((each) => error instanceof each);
    if (!isTold) throw error;
    console.error((error as Error).message);
    return 1;
  }
}

if (import.meta.main) process.exitCode = await main();
