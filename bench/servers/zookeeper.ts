/** A ZooKeeper of its own, standalone, as it is by default: each change is forced to the disk before it is answered. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { fetchTree, zookeeperJars } from "#tools/fetch/debian-tree.ts";
import { ZooKeeperSession } from "../clients/zookeeper-session.ts";
import { ServerProcess } from "./server-process.ts";

export interface ZooKeeperPlan {
  readonly folder: string;
}

const mainClass = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
/** As its own zkServer.sh has it. */
const heap = "-Xmx1000m";
/** It takes connections some moments before it can serve, and forgets those: they get no answer at all, and no end. */
const answerWithinMs = 1_000;
const quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn";

/** Throws `ToolMissing` where it, or a Java runtime, cannot be had. */
export async function startZooKeeper({ folder }: ZooKeeperPlan): Promise<ServerProcess> {
  const java = await javaOfZooKeeper();
  return ServerProcess.start({
    called: "ZooKeeper",
    program: java.program,
    args: async (port) => {
      const configFile = path.join(folder, "zoo.cfg");
      await writeFile(configFile, config(folder, port));
      return [heap, quiet, "-cp", java.classPath, mainClass, configFile];
    },
    env: java.env,
    folder,
    answers,
  });
}

export interface Java {
  readonly program: string;
  /** Of ZooKeeper's server and its command line. */
  readonly classPath: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Throws `ToolMissing` where it cannot be had. */
export async function javaOfZooKeeper(): Promise<Java> {
  const jars = await fetchTree("zookeeper");
  const java = await fetchTree("java");
  return {
    program: path.join(java.folder, "java"),
    classPath: zookeeperJars.map((jar) => path.join(jars.folder, jar)).join(":"),
    env: java.env,
  };
}

/** Four-letter words are off by default, but for the one that its own script needs. */
function config(folder: string, port: number): string {
  const settings = {
    dataDir: path.resolve(folder, "data"),
    clientPortAddress: "127.0.0.1",
    clientPort: port,
    tickTime: 2_000,
    maxClientCnxns: 0,
    "admin.enableServer": false,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

async function answers(port: number): Promise<void> {
  const session = await ZooKeeperSession.open({ port, openWithinMs: answerWithinMs });
  await session.close();
}
