/**
 * `make generate`: writes all that is made from a source of ours. `--check` writes nothing, names what is stale or
 * missing, and fails then.
 */
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { chartsOwn, makeCharts } from "./charts.ts";
import { makeCli } from "./cli.ts";
import { makeClient } from "./client.ts";
import { makeCrds } from "./crds.ts";
import { generateEtcdCodec } from "./etcd-codec.ts";
import { makeConditions } from "./conditions.ts";
import { makeInjection } from "./injection.ts";
import { makeKinds } from "./kinds.ts";
import { makeMetrics } from "./metrics.ts";
import type { Generator, Made } from "./made.ts";
import { makeOpenapi } from "./openapi.ts";
import { makeOptions } from "./options.ts";
import { makePermissions } from "./permissions.ts";
import { makeReference } from "./reference.ts";

const projectFolder = join(import.meta.dirname, "../..");
const codecFolder = "etcd/codec";

const generators: readonly Generator[] = [
  { name: "crds", make: makeCrds, owns: ["crds"] },
  { name: "charts", make: makeCharts, owns: chartsOwn },
  { name: "openapi", make: makeOpenapi, owns: ["api/generated"] },
  { name: "client", make: makeClient, owns: ["client/generated"] },
  { name: "cli", make: makeCli, owns: [] },
  { name: "kinds", make: makeKinds, owns: [] },
  { name: "reference", make: makeReference, owns: [] },
  { name: "conditions", make: makeConditions, owns: [] },
  { name: "injection", make: makeInjection, owns: [] },
  { name: "metrics", make: makeMetrics, owns: [] },
  { name: "options", make: makeOptions, owns: [] },
  { name: "permissions", make: makePermissions, owns: [] },
  { name: "etcd codec", make: makeEtcdCodec, owns: [codecFolder] },
];

/** It writes into a folder of its own choice, so that it can be compared before anything is replaced. */
async function makeEtcdCodec(): Promise<Made> {
  const work = await mkdtemp(join(tmpdir(), "holdfast-generate-"));
  try {
    await generateEtcdCodec(join(work, "codec"));
    const made = new Map<string, string>();
    for (const path of await filesBelow(join(work, "codec"), "")) {
      made.set(join(codecFolder, path), await readFile(join(work, "codec", path), "utf8"));
    }
    return made;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Paths below `folder`; none where there is no such folder. */
async function filesBelow(folder: string, path: string): Promise<string[]> {
  const entries = await readdir(join(folder, path), { withFileTypes: true }).catch(ifMissing([]));
  const found: string[] = [];
  for (const entry of entries) {
    const below = join(path, entry.name);
    if (entry.isDirectory()) found.push(...(await filesBelow(folder, below)));
    else found.push(below);
  }
  return found.sort();
}

function ifMissing<T>(otherwise: T): (error: unknown) => T {
  return (error) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return otherwise;
    throw error;
  };
}

interface Change {
  readonly path: string;
  /** undefined: nothing makes this file any more. */
  readonly text: string | undefined;
}

async function changesOf({ make, owns }: Generator): Promise<Change[]> {
  const made = await make();
  const changes: Change[] = [];
  for (const [path, text] of made) {
    const before = await readFile(join(projectFolder, path), "utf8").catch(ifMissing(undefined));
    if (before !== text) changes.push({ path, text });
  }
  for (const folder of owns) {
    for (const file of await filesBelow(join(projectFolder, folder), "")) {
      const path = join(folder, file);
      if (!made.has(path)) changes.push({ path, text: undefined });
    }
  }
  return changes;
}

async function apply({ path, text }: Change): Promise<void> {
  const target = join(projectFolder, path);
  if (text === undefined) {
    await rm(target);
    console.log(`removed ${path}`);
    return;
  }
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, text);
  console.log(`wrote ${path}`);
}

async function main(flags: readonly string[]): Promise<number> {
  const checking = flags.includes("--check");
  let failed = false;
  for (const generator of generators) {
    try {
      for (const change of await changesOf(generator)) {
        if (!checking) {
          await apply(change);
          continue;
        }
        failed = true;
        const state = change.text === undefined ? "nothing makes it any more" : "stale or missing";
        console.error(`${change.path}: ${state}. Run: make generate`);
      }
    } catch (error) {
      // The other generators still have their say.
      failed = true;
      console.error(`${generator.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return failed ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
