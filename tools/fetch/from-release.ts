/** Takes a program from etcd's official release; the archive must have the checksum that the release names. */
import { createHash } from "node:crypto";
import { copyFile, chmod, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { run, type Say } from "./step.ts";

export interface ReleasedProgram {
  readonly program: string;
  readonly version: string;
  readonly folder: string;
  readonly say: Say;
  /** Where the releases lie; another one for tests. */
  readonly base?: string;
}

const releasesUrl = "https://github.com/etcd-io/etcd/releases/download";
const downloadTimeoutMs = 5 * 60_000;
const downloadMaxBytes = 200 * 1024 * 1024;

export async function fromRelease({
  program,
  version,
  folder,
  say,
  base = releasesUrl,
}: ReleasedProgram): Promise<void> {
  const name = `etcd-v${version}-${platform()}`;
  const archiveName = `${name}.${process.platform === "linux" ? "tar.gz" : "zip"}`;
  say(`downloading ${archiveName} from the project's releases`);
  const sums = (await download(`${base}/v${version}/SHA256SUMS`)).toString("utf8");
  const wanted = checksumOf(sums, archiveName);
  const bytes = await download(`${base}/v${version}/${archiveName}`);
  const found = createHash("sha256").update(bytes).digest("hex");
  if (found !== wanted)
    throw new Error(`${archiveName} has the checksum ${found}, the release names ${wanted}`);
  const archive = path.join(folder, archiveName);
  await writeFile(archive, bytes);
  if (process.platform === "linux")
    await run({ command: "tar", args: ["-xzf", archiveName], folder });
  else await run({ command: "unzip", args: ["-q", archiveName], folder });
  await copyFile(path.join(folder, name, program), path.join(folder, program));
  await chmod(path.join(folder, program), 0o755);
  await rm(path.join(folder, name), { recursive: true, force: true });
  await rm(archive);
}

/** The checksum that a `SHA256SUMS` file names for `archive`. */
export function checksumOf(sums: string, archive: string): string {
  for (const line of sums.split("\n")) {
    const [sum, name] = line.trim().split(/\s+\*?/);
    if (name === archive && sum !== undefined && /^[0-9a-f]{64}$/.test(sum)) return sum;
  }
  throw new Error(`the release names no checksum for ${archive}`);
}

async function download(url: string): Promise<Buffer> {
  const response = await fetch(url, { signal: AbortSignal.timeout(downloadTimeoutMs) }).catch(
    (error: unknown) => {
      const cause = (error as Error).cause;
      throw new Error(
        `cannot be reached (${cause instanceof Error ? cause.message : (error as Error).message})`,
      );
    },
  );
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  const bytes = Buffer.from(await response.arrayBuffer());
  if (bytes.length > downloadMaxBytes) throw new Error(`${url} is larger than any etcd`);
  return bytes;
}

function platform(): string {
  const cpu = { x64: "amd64", arm64: "arm64", ppc64: "ppc64le", s390x: "s390x" }[
    process.arch as string
  ];
  if (cpu === undefined || !["linux", "darwin"].includes(process.platform)) {
    throw new Error(`there is no release for ${process.platform} on ${process.arch}`);
  }
  return `${process.platform}-${cpu}`;
}
