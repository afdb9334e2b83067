/** A package for npm out of a folder that is built: manifest with the project's version, README, licence, and the archive. */
import { cp, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { run } from "#tools/fetch/step.ts";

export interface Package {
  /** The archive that npm installs and publishes. */
  readonly file: string;
  readonly name: string;
  readonly version: string;
  /** What is in it, below its folder. */
  readonly files: readonly string[];
}

export interface Packing {
  /** The room, for its README. */
  readonly source: string;
  /** The manifest without a version. */
  readonly manifest: string;
  /** What is built. */
  readonly built: string;
  /** Where the archive is put. */
  readonly folder: string;
}

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

export async function pack({ source, manifest: from, built, folder }: Packing): Promise<Package> {
  const manifest = await manifestOf(from);
  await writeFile(path.join(built, "package.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
  await cp(path.join(source, "README.md"), path.join(built, "README.md"));
  await cp("LICENSE", path.join(built, "LICENSE"));
  const args = ["pack", "--json", "--pack-destination", path.resolve(folder)];
  const [packed] = JSON.parse(
    await run({ command: "npm", args: [...args, "--ignore-scripts"], folder: built }),
  ) as Packed[];
  if (packed === undefined) throw new Error("npm packed nothing");
  return {
    file: path.join(folder, packed.filename),
    name: manifest.name,
    version: manifest.version,
    files: packed.files.map((file) => file.path),
  };
}

interface Manifest {
  readonly name: string;
  readonly version: string;
}

/** The project's version: all are released together. */
async function manifestOf(file: string): Promise<Manifest> {
  const { name, ...rest } = JSON.parse(await readFile(file, "utf8")) as Manifest;
  const { version } = JSON.parse(await readFile("package.json", "utf8")) as Manifest;
  return { name, ...rest, version };
}
