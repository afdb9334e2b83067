/** The three images: what each is made of, and how it is started. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import path from "node:path";
import packageFile from "../../package.json" with { type: "json" };
import { bundle } from "#tools/bundle/bundle.ts";
import { environment, programs, type ProgramName } from "#tools/bundle/programs.ts";
import { bundleCli } from "#tools/cli/bundle.ts";
import { fetchEtcd } from "#tools/fetch.ts";
import { fromGoSource } from "#tools/fetch/from-go-source.ts";
import type { Say } from "#tools/fetch/step.ts";
import type { Image } from "./archive.ts";
import { accounts, nodeBase, nodeFile, user, type Base } from "./base.ts";
import { file, withFolders } from "./entries.ts";
import { layerOf } from "./layer.ts";
import { librariesOf } from "./libraries.ts";
import { inOrder, licenceEntries, type Part } from "./part.ts";
import { goParts } from "./parts-go.ts";
import { npmParts } from "./parts-npm.ts";
import { sbomOf } from "./sbom.ts";
import type { Entry } from "./tar.ts";

export const imageNames = ["holdfast-sidecar", "holdfast-operator", "holdfast-etcd"] as const;
export type ImageName = (typeof imageNames)[number];

export const { version } = packageFile;

/** As Kubernetes reads `holdfast-sidecar:0.1.0`. */
export const referenceOf = (name: ImageName): string => `docker.io/library/${name}:${version}`;

export interface Made {
  readonly name: ImageName;
  readonly image: Image;
  /** Of others, in the order of their names. */
  readonly parts: readonly Part[];
  readonly sbom: string;
}

export interface Making {
  /** Where layers are kept. */
  readonly folder: string;
  readonly say: Say;
}

interface Work extends Making {
  /** For what is built on the way. Of this run alone: others may make images at the same time. */
  readonly scratch: string;
}

const descriptions: Readonly<Record<ImageName, string>> = {
  "holdfast-sidecar": "Distributed locks on localhost, for the pods of one namespace",
  "holdfast-operator": "The operator of Holdfast: resources to etcd, sidecars into pods",
  "holdfast-etcd": "etcd for Holdfast, which trusts clients when its users stand",
};

/** One after the other: each takes memory for all that it holds. */
export async function* makeImages(making: Making): AsyncGenerator<Made> {
  const scratch = await mkdtemp(path.join(making.folder, "half-"));
  try {
    const work = { ...making, scratch };
    const base = await nodeBase(making.say);
    yield await nodeImage("sidecar", base, work);
    yield await nodeImage("operator", base, work);
    yield await etcdImage(work);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function nodeImage(program: ProgramName, base: Base, work: Work): Promise<Made> {
  const name = `holdfast-${program}` as const;
  work.say(`${name}: bundling`);
  const { file: script, inputs, hasWarnings } = await bundle(program, work.scratch);
  if (hasWarnings)
    throw new Error(`The bundle of ${program} has warnings: no image is made of it.`);
  const own = npmParts(inputs);
  const place = `${program}.mjs`;
  const more = program === "sidecar" ? [await command(work)] : [];
  return await made(name, work, {
    // The first is the same in both, and kept and sent once.
    layers: [
      [...base.entries, ...licenceEntries(base.parts)],
      [file(place, await readFile(script)), ...more, ...licenceEntries(own)],
    ],
    parts: [...base.parts, ...own],
    env: Object.entries(environment).map(([key, value]) => `${key}=${value}`),
    entrypoint: [`/${nodeFile}`, ...programs[program].nodeOptions.split(" "), `/${place}`],
  });
}

/** What `kubectl exec` calls beside an app. */
async function command({ scratch }: Work): Promise<Entry> {
  const script = path.join(scratch, "holdfast.js");
  await bundleCli(script, `/${nodeFile}`);
  return file("usr/local/bin/holdfast", await readFile(script), 0o755);
}

async function etcdImage(work: Work): Promise<Made> {
  const { scratch, say } = work;
  const name = "holdfast-etcd";
  say(`${name}: building its launcher`);
  const etcd = await fetchEtcd({ version: "3.7", log: say });
  const launcher = await buildLauncher(scratch);
  const libraries = await librariesOf(etcd.path);
  if (libraries.length > 0)
    throw new Error(
      `${etcd.path} is linked to libraries, which the image does not have. Take it off the PATH: one without is then built.`,
    );
  const releases = { "go.etcd.io/etcd/server/v3": `v${etcd.version}` };
  const parts = await goParts([etcd.path, launcher], releases);
  return await made(name, work, {
    layers: [
      [
        ...accounts,
        file("etcd", await readFile(etcd.path), 0o755),
        file("holdfast-etcd", await readFile(launcher), 0o755),
        ...licenceEntries(parts),
      ],
    ],
    parts,
    entrypoint: ["/holdfast-etcd"],
  });
}

/** Into that folder. Returns its path. */
export async function buildLauncher(folder: string): Promise<string> {
  const output = path.join(path.resolve(folder), "holdfast-etcd");
  await fromGoSource({
    ...{ source: path.join(import.meta.dirname, "etcd/launch"), modules: "go.mod", output },
    ...{ stamps: {}, takes: "seconds", say: () => undefined },
  });
  return output;
}

interface Content {
  readonly layers: readonly (readonly Entry[])[];
  readonly parts: readonly Part[];
  readonly env?: readonly string[];
  readonly entrypoint: readonly string[];
}

async function made(name: ImageName, { folder, say }: Making, content: Content): Promise<Made> {
  const { license: licence } = packageFile;
  const parts = inOrder(content.parts);
  const sbom = sbomOf({ name, version, licence }, parts);
  const last = [
    file("licenses/holdfast/LICENSE", await readFile("LICENSE")),
    file(`licenses/${name}.spdx.json`, sbom),
  ];
  say(`${name}: compressing`);
  const layers = [];
  for (const [at, entries] of content.layers.entries()) {
    const all = at === content.layers.length - 1 ? [...entries, ...last] : entries;
    layers.push(await layerOf(withFolders(all), path.join(folder, "layers")));
  }
  const { env = [], entrypoint } = content;
  const settings = { env, entrypoint, user, labels: labelsOf(name) };
  return { name, image: { reference: referenceOf(name), layers, settings }, parts, sbom };
}

const labelsOf = (name: ImageName): Record<string, string> => ({
  "org.opencontainers.image.title": name,
  "org.opencontainers.image.description": descriptions[name],
  "org.opencontainers.image.version": version,
  "org.opencontainers.image.licenses": packageFile.license,
  "org.opencontainers.image.vendor": "Holdfast",
});
