/**
 * The programs that are built from small mains of this project: Kubernetes (one binary, called by six names) of the newest
 * and the oldest release that is supported, CoreDNS, what enforces NetworkPolicies, and a registry of images. The version of each is the one that its go.mod requires; the
 * result is cached by it.
 */
import { existsSync, readFileSync } from "node:fs";
import { symlink } from "node:fs/promises";
import path from "node:path";
import { cacheFolder, install, locked } from "./cache.ts";
import { ToolMissing } from "./etcd.ts";
import { fromGoSource } from "./from-go-source.ts";
import type { Say } from "./step.ts";

interface Build {
  /** Below tools. */
  readonly source: string;
  /** The go.mod of this version, in that folder. */
  readonly modules: string;
  /** The first part of its name in the cache. */
  readonly cachedAs: string;
  readonly module: string;
  /** The names of the binary; the first is a file, the others are links to it. */
  readonly names: readonly [string, ...string[]];
  readonly takes: string;
  readonly stamps: (version: string) => Readonly<Record<string, string>>;
  /** Where who has no Go finds it; absent: nobody releases it as it is built here. */
  readonly released?: (version: string) => string;
}

const kubernetes = {
  source: "cluster/kubernetes",
  modules: "go.mod",
  cachedAs: "kubernetes",
  module: "k8s.io/kubernetes",
  names: [
    "kubernetes",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubelet",
    "kubectl",
  ],
  takes: "7 to 9 minutes on two cores, 5 GB of Go's caches, once",
  stamps: kubernetesStamps,
  released: (version) =>
    `https://dl.k8s.io/v${version}/kubernetes-server-linux-amd64.tar.gz (its folder server/bin)`,
} as const satisfies Build;

const builds = {
  kubernetes,
  /** The oldest release that is supported, from the same main with other modules. */
  "kubernetes-oldest": { ...kubernetes, modules: "oldest.mod" },
  coredns: {
    source: "cluster/coredns",
    modules: "go.mod",
    cachedAs: "coredns",
    module: "github.com/coredns/coredns",
    names: ["coredns"],
    takes: "2 minutes, once",
    stamps: () => ({}),
    released: (version) => `https://github.com/coredns/coredns/releases/tag/v${version}`,
  },
  policies: {
    source: "cluster/policies",
    modules: "go.mod",
    cachedAs: "policies",
    module: "github.com/cloudnativelabs/kube-router/v2",
    names: ["policies"],
    takes: "half a minute after CoreDNS, with which it shares most, once",
    stamps: () => ({}),
  },
  registry: {
    source: "image/registry",
    modules: "go.mod",
    cachedAs: "registry",
    module: "github.com/distribution/distribution/v3",
    names: ["registry"],
    takes: "1 to 2 minutes, once",
    stamps: () => ({}),
    released: (version) => `https://github.com/distribution/distribution/releases/tag/v${version}`,
  },
} as const satisfies Readonly<Record<string, Build>>;

export type BuiltName = keyof typeof builds;

export interface Built {
  readonly version: string;
  /** Holds the programs under their own names. */
  readonly folder: string;
}

const underWay = new Map<BuiltName, Promise<Built>>();

/** Asked for twice at once, it is built once. Throws `ToolMissing` where it cannot be had. */
export function fetchBuilt(name: BuiltName, log?: Say): Promise<Built> {
  const begun = underWay.get(name);
  if (begun !== undefined) return begun;
  const found = find(name, (line) => log?.(`${name} ${versionOf(name)}: ${line}`)).finally(() =>
    underWay.delete(name),
  );
  underWay.set(name, found);
  return found;
}

/** What its go.mod requires, without the v. */
export function versionOf(name: BuiltName): string {
  const { module, modules }: Build = builds[name];
  const text = readFileSync(path.join(sourceOf(name), modules), "utf8");
  const line = text.split("\n").find((each) => each.includes(`${module} v`));
  const version = /\sv(\d+\.\d+\.\d+)/.exec(line ?? "")?.[1];
  if (version === undefined) throw new Error(`${sourceOf(name)}/${modules} requires no ${module}`);
  return version;
}

async function find(name: BuiltName, say: Say): Promise<Built> {
  const version = versionOf(name);
  const atHand = inCache(name, version);
  if (atHand !== undefined) {
    say("is in the cache");
    return atHand;
  }
  return locked(entryOf(name, version), say, async () => {
    return inCache(name, version) ?? (await build(name, version, say));
  });
}

function inCache(name: BuiltName, version: string): Built | undefined {
  const folder = path.join(cacheFolder(), entryOf(name, version));
  // The project's own release has no binary of all names, and does as well.
  const needed = builds[name].names.filter((each) => each !== "kubernetes");
  return needed.every((each) => existsSync(path.join(folder, each)))
    ? { version, folder }
    : undefined;
}

async function build(name: BuiltName, version: string, say: Say): Promise<Built> {
  const { names, modules, takes, stamps }: Build = builds[name];
  const [file, ...links] = names;
  try {
    const folder = await install(entryOf(name, version), async (place) => {
      await fromGoSource({
        ...{ source: sourceOf(name), modules, output: path.join(place, file) },
        ...{ stamps: stamps(version), takes, say },
      });
      for (const link of links) await symlink(file, path.join(place, link));
    });
    say(`is built, and kept in ${folder}`);
    return { version, folder };
  } catch (error) {
    throw new ToolMissing(missing(name, version, error as Error));
  }
}

/** In the cache. */
function entryOf(name: BuiltName, version: string): string {
  return `${builds[name].cachedAs}-${version}`;
}

function sourceOf(name: BuiltName): string {
  return path.join(import.meta.dirname, "..", builds[name].source);
}

/** So that each program tells its version, and what asks for it (a node's status, Helm) hears the true one. */
function kubernetesStamps(version: string): Record<string, string> {
  const [major = "", minor = ""] = version.split(".");
  const values = {
    gitVersion: `v${version}`,
    gitMajor: major,
    gitMinor: minor,
    gitTreeState: "clean",
    gitCommit: "unknown",
    // Not the day of the build: the same sources give the same bytes.
    buildDate: "1970-01-01T00:00:00Z",
  };
  const packages = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"];
  return Object.fromEntries(
    packages.flatMap((each) =>
      Object.entries(values).map(([key, value]) => [`${each}.${key}`, value]),
    ),
  );
}

function missing(name: BuiltName, version: string, why: Error): string {
  const { released }: Build = builds[name];
  const place = path.join(cacheFolder(), entryOf(name, version));
  return [
    `${name} ${version} is missing, and could not be built.`,
    `  tried Go: ${why.message}`,
    "Any of these helps:",
    "  1. install Go (https://go.dev/dl): it is then built from Go's modules",
    `  2. copy ${place} from a machine that has it`,
    ...(released === undefined ? [] : [`  3. unpack to ${place} what is at ${released(version)}`]),
  ].join("\n");
}
