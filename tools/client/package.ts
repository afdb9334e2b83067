/**
 * The npm package of the client: JavaScript and declarations by TypeScript's compiler, one file for each source, so that
 * stack traces and a reader find what is in the repository; README and licence; the version of the project.
 */
import { cp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { run } from "#tools/fetch/step.ts";

const source = "client";
const compiler = "node_modules/typescript/bin/tsc";

export interface Package {
  /** The archive that npm installs and publishes. */
  readonly file: string;
  readonly name: string;
  readonly version: string;
  /** What is in it, below its folder. */
  readonly files: readonly string[];
}

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

/** `folder`: below the project's; emptied first. */
export async function packClient(folder = "dist/client"): Promise<Package> {
  await rm(folder, { recursive: true, force: true });
  const built = path.join(folder, "package");
  await mkdir(built, { recursive: true });
  await run({ command: process.execPath, args: [compiler, "-p", source, "--outDir", built] });
  for (const file of await readdir(built, { recursive: true })) {
    if (file.endsWith(".d.ts")) await nameDeclarations(path.join(built, file));
  }
  const manifest = await manifestOf();
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

/** The project's version: the two are released together. */
async function manifestOf(): Promise<Manifest> {
  const { name, ...rest } = JSON.parse(
    await readFile(path.join(source, "package.json"), "utf8"),
  ) as Manifest;
  const { version } = JSON.parse(await readFile("package.json", "utf8")) as Manifest;
  return { name, ...rest, version };
}

/** The compiler leaves the names of sources in declarations; there are none in the package. */
async function nameDeclarations(file: string): Promise<void> {
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replaceAll(/(from "\.[^"]*)\.ts"/g, '$1.js"'));
}
