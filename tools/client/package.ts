/**
 * The npm package of the client: JavaScript and declarations by TypeScript's compiler, one file for each source, so that
 * stack traces and a reader find what is in the repository; README and licence; the version of the project.
 */
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { run } from "#tools/fetch/step.ts";
import { pack, type Package } from "./pack.ts";

export type { Package } from "./pack.ts";

const source = "client";
const compiler = "node_modules/typescript/bin/tsc";

/** `folder`: below the project's; emptied first. */
export async function packClient(folder = "dist/client"): Promise<Package> {
  await rm(folder, { recursive: true, force: true });
  const built = path.join(folder, "package");
  await mkdir(built, { recursive: true });
  await run({ command: process.execPath, args: [compiler, "-p", source, "--outDir", built] });
  for (const file of await readdir(built, { recursive: true })) {
    if (file.endsWith(".d.ts")) await nameDeclarations(path.join(built, file));
  }
  return pack({ source, manifest: path.join(source, "package.json"), built, folder });
}

/** The compiler leaves the names of sources in declarations; there are none in the package. */
async function nameDeclarations(file: string): Promise<void> {
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replaceAll(/(from "\.[^"]*)\.ts"/g, '$1.js"'));
}
