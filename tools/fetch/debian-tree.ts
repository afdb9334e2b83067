/**
 * Brings programs that need files around them (a server, a shell with its functions) out of Debian's packages,
 * without installing anything: they lie in the cache as they would below `/`. A machine that has them is used as it is.
 */
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { cacheFolder, install, locked } from "./cache.ts";
import { unpackDebian } from "./from-debian.ts";
import { ToolMissing } from "./etcd.ts";
import { relink } from "./relink.ts";
import type { Say } from "./step.ts";

interface Tree {
  /** Each the first of these that Debian has: names change with its releases. */
  readonly packages: readonly (readonly string[])[];
  /** Below the root: the folder of the program that it is brought for; undefined: it is not there. */
  readonly find: (root: string) => string | undefined;
  /** What to install where none of this works. */
  readonly advice: string;
}

/** All of these files lie in one of these folders. */
const inFolders = (files: readonly string[], folders: readonly string[]) => (root: string) =>
  folders
    .map((folder) => path.join(root, folder))
    .find((folder) => files.every((file) => existsSync(path.join(folder, file))));

/** What ZooKeeper's server and its command line run with; its other packages are for what is off here. */
export const zookeeperJars = [
  ...["zookeeper.jar", "zookeeper-jute.jar", "slf4j-api.jar", "slf4j-simple.jar"],
  ...["metrics-core.jar", "snappy-java.jar", "commons-cli.jar"],
] as const;

const trees = {
  postgresql: {
    packages: [
      ["postgresql-18", "postgresql-17", "postgresql-16", "postgresql-15"],
      [
        "postgresql-client-18",
        "postgresql-client-17",
        "postgresql-client-16",
        "postgresql-client-15",
      ],
      ["libpq5"],
    ],
    find: postgresIn,
    advice: "PostgreSQL's server",
  },
  mariadb: {
    packages: [
      ...[["mariadb-server-core"], ["mariadb-client-core"], ["mariadb-common"], ["libmariadb3"]],
      ...[["libaio1t64", "libaio1"], ["liburing2"], ["libnuma1"], ["libedit2"]],
    ],
    find: inFolders(["mariadbd"], ["usr/sbin"]),
    advice: "MariaDB's server",
  },
  zsh: {
    packages: [["zsh"], ["zsh-common"]],
    find: inFolders(["zsh"], ["usr/bin", "bin"]),
    advice: "zsh",
  },
  fish: {
    packages: [["fish"], ["fish-common"], ["libpcre2-32-0"]],
    find: inFolders(["fish"], ["usr/bin"]),
    advice: "fish",
  },
  redis: {
    // The server is a link to a program of the tools.
    packages: [
      ...[["redis-server"], ["redis-tools"]],
      ...[["libjemalloc2"], ["liblzf1"], ["libatomic1"], ["libssl3t64", "libssl3"]],
    ],
    find: inFolders(["redis-server", "redis-cli"], ["usr/bin", "usr/local/bin"]),
    advice: "Redis' server and its redis-cli",
  },
  zookeeper: {
    packages: [
      ...[["libzookeeper-java"], ["libslf4j-java"], ["libdropwizard-metrics-java"]],
      ...[["libsnappy-java"], ["libcommons-cli-java"]],
    ],
    find: inFolders(zookeeperJars, ["usr/share/java"]),
    advice: "Debian's package libzookeeper-java",
  },
  java: {
    packages: [["openjdk-25-jre-headless", "openjdk-21-jre-headless", "openjdk-17-jre-headless"]],
    find: javaIn,
    advice: "a Java runtime, and put its java on the PATH",
  },
} as const satisfies Readonly<Record<string, Tree>>;

export type TreeName = keyof typeof trees;

export interface DebianTree {
  /** `/`, or the folder in the cache that holds what would lie there. */
  readonly root: string;
  /** Of the program. */
  readonly folder: string;
  /** For its libraries. */
  readonly env: Readonly<Record<string, string>>;
}

const underWay = new Map<TreeName, Promise<DebianTree>>();

/** Asked for twice at once, it is brought once. Throws `ToolMissing` where it cannot be had. */
export function fetchTree(name: TreeName, log?: Say): Promise<DebianTree> {
  const begun = underWay.get(name);
  if (begun !== undefined) return begun;
  const found = find(name, (line) => log?.(`${name}: ${line}`)).finally(() =>
    underWay.delete(name),
  );
  underWay.set(name, found);
  return found;
}

async function find(name: TreeName, say: Say): Promise<DebianTree> {
  const atHand = treeIn(name, "/") ?? treeIn(name, placeOf(name));
  if (atHand !== undefined) {
    say(atHand.root === "/" ? "is on this machine" : "is in the cache");
    return atHand;
  }
  return locked(entryOf(name), say, async () => {
    return treeIn(name, placeOf(name)) ?? (await bring(name, say));
  });
}

async function bring(name: TreeName, say: Say): Promise<DebianTree> {
  const { packages, advice }: Tree = trees[name];
  try {
    await install(entryOf(name), async (folder) => {
      for (const names of packages) await unpackDebian({ names, folder, say });
      await relink(folder);
    });
    const brought = treeIn(name, placeOf(name));
    if (brought === undefined) throw new Error("the packages do not hold it");
    return brought;
  } catch (error) {
    throw new ToolMissing(
      [
        `${name} is missing, and no source has it.`,
        `  tried Debian: ${(error as Error).message}`,
        "Any of these helps:",
        `  1. install ${advice}`,
        `  2. copy ${placeOf(name)} from a machine that has it`,
      ].join("\n"),
    );
  }
}

function treeIn(name: TreeName, root: string): DebianTree | undefined {
  const folder = trees[name].find(root);
  if (folder === undefined) return undefined;
  return { root, folder, env: root === "/" ? {} : librariesBelow(root) };
}

function librariesBelow(root: string): Record<string, string> {
  const folders = ["usr/lib", "lib"]
    .map((folder) => path.join(root, folder))
    .filter((folder) => existsSync(folder));
  const ofMachine = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((each) => each.endsWith("-linux-gnu"))
      .map((each) => path.join(folder, each)),
  );
  const { LD_LIBRARY_PATH: before = "" } = process.env;
  return { LD_LIBRARY_PATH: [...ofMachine, before].filter((each) => each !== "").join(":") };
}

/** Its programs lie below its major version: the newest. */
function postgresIn(root: string): string | undefined {
  const versions = path.join(root, "usr/lib/postgresql");
  if (!existsSync(versions)) return undefined;
  return readdirSync(versions)
    .toSorted((one, other) => Number(other) - Number(one))
    .map((version) => path.join(versions, version, "bin"))
    .find((folder) =>
      ["initdb", "postgres", "psql"].every((each) => existsSync(path.join(folder, each))),
    );
}

/** Of the machine, whatever the PATH has. */
function javaIn(root: string): string | undefined {
  const virtualMachines = path.join(root, "usr/lib/jvm");
  const folders =
    root === "/"
      ? (process.env["PATH"] ?? "").split(path.delimiter).filter((folder) => folder !== "")
      : existsSync(virtualMachines)
        ? readdirSync(virtualMachines).map((each) => path.join(virtualMachines, each, "bin"))
        : [];
  return folders.find((folder) => existsSync(path.join(folder, "java")));
}

function entryOf(name: TreeName): string {
  return `${name}-from-debian`;
}

function placeOf(name: TreeName): string {
  return path.join(cacheFolder(), entryOf(name));
}
