/** The modules that a Go program was built of, as it tells itself, with the licences from Go's cache of modules. */
import { existsSync } from "node:fs";
import path from "node:path";
import { run } from "#tools/fetch/step.ts";
import { licenceOf } from "./licence-of.ts";
import type { Part } from "./part.ts";
import { textsIn } from "./parts-npm.ts";

export interface GoModule {
  readonly name: string;
  readonly version: string;
}

export interface GoBuild {
  readonly go: string;
  readonly modules: readonly GoModule[];
}

/** What `go version -m` prints. `releases` names the versions of mains, which know only that they are (devel). */
export function readGoBuild(printed: string, releases: Readonly<Record<string, string>>): GoBuild {
  const go = /: go(\d[\w.]*)/.exec(printed)?.[1];
  if (go === undefined) throw new Error(`go version tells no version: ${printed.slice(0, 200)}`);
  const modules: GoModule[] = [];
  for (const line of printed.split("\n").slice(1)) {
    const [, kind = "", name = "", told = ""] = line.split("\t");
    const version = told === "(devel)" || told === "" ? releases[name] : told;
    if (kind === "=>") modules.pop();
    if (["mod", "dep", "=>"].includes(kind) && version !== undefined)
      modules.push({ name, version });
  }
  return { go, modules };
}

export async function goParts(
  programs: readonly string[],
  releases: Readonly<Record<string, string>>,
): Promise<Part[]> {
  const builds = await Promise.all(
    programs.map(async (program) =>
      readGoBuild(await run({ command: "go", args: ["version", "-m", program] }), releases),
    ),
  );
  const environment = await run({ command: "go", args: ["env", "GOMODCACHE", "GOROOT"] });
  const [modules = "", root = ""] = environment.trim().split("\n");
  const wanted = new Map<string, GoModule>();
  for (const each of builds.flatMap((build) => build.modules))
    wanted.set(`${each.name}@${each.version}`, each);
  await bringSources([...wanted.values()], modules);
  return [
    ...[...new Set(builds.map(({ go }) => go))].map((version) => standardLibrary(version, root)),
    ...[...wanted.values()].map((each) => modulePart(each, modules)),
  ];
}

function standardLibrary(version: string, root: string): Part {
  return {
    ...{ kind: "golang", name: "stdlib", version, licence: "BSD-3-Clause" },
    texts: textsIn(root),
    purl: `pkg:golang/stdlib@${version}`,
  };
}

function modulePart(module: GoModule, modules: string): Part {
  const { name, version } = module;
  const texts = textsIn(folderOf(module, modules));
  return {
    ...{ kind: "golang", name, version, texts },
    licence: licenceOf(`${name}@${version}`, texts),
    purl: `pkg:golang/${name}@${version}`,
  };
}

/** A program that was not built here may be of modules that are not here. */
async function bringSources(wanted: readonly GoModule[], modules: string): Promise<void> {
  const missing = wanted.filter((module) => !existsSync(folderOf(module, modules)));
  if (missing.length === 0) return;
  const names = missing.map(({ name, version }) => `${name}@${version}`);
  await run({ command: "go", args: ["mod", "download", ...names], env: { GOWORK: "off" } });
}

/** Go writes an upper case letter as the lower case one after an exclamation mark. */
const folderOf = ({ name, version }: GoModule, modules: string): string =>
  path.join(modules, `${escaped(name)}@${escaped(version)}`);
const escaped = (name: string): string =>
  name.replaceAll(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`);
