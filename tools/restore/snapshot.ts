/** The snapshot file, through etcd's own tool: what it is, and a member's data made from it. */
import { existsSync } from "node:fs";
import { decodeJson, numberOf, textOf } from "#core/json.ts";
import { fetchEtcdProgram } from "../fetch/etcd.ts";
import { run, type Say } from "../fetch/step.ts";
import { etcdMinors, NotRestored, type RestoredMinor, type RestorePlan } from "./plan.ts";

export interface SnapshotFile {
  readonly revision: number;
  readonly keys: number;
  /** What the restored etcd will be. */
  readonly minor: RestoredMinor;
}

/** Throws NotRestored where the file is none, or of a version that cannot be opened as is wanted. */
export async function inspect(
  { snapshot, etcd }: Pick<RestorePlan, "snapshot" | "etcd">,
  log: Say,
): Promise<SnapshotFile> {
  if (!existsSync(snapshot))
    throw new NotRestored(
      `--snapshot ${snapshot} is not there: name the file that 'etcdctl snapshot save' wrote.`,
    );
  const { path: etcdutl } = await fetchEtcdProgram("etcdutl", { version: "3.7", log });
  const args = ["snapshot", "status", snapshot, "--write-out=json"];
  const text = await run({ command: etcdutl, args }).catch((error: unknown) => {
    throw new NotRestored(
      `--snapshot ${snapshot} is no whole snapshot of etcd; take another.\n${lastOf(error)}`,
    );
  });
  const told = decodeJson(Buffer.from(text)) ?? {};
  return {
    revision: numberOf(told["revision"]) ?? 0,
    keys: numberOf(told["totalKey"]) ?? 0,
    minor: minorOf(textOf(told["version"]) ?? "", etcd),
  };
}

/** `version`: what the snapshot says it was written by; empty before 3.6. */
export function minorOf(version: string, wanted: RestoredMinor | undefined): RestoredMinor {
  const own = etcdMinors.find((minor) => version.startsWith(`${minor}.`));
  if (own === undefined && version !== "")
    throw new NotRestored(
      `--snapshot is of etcd ${version}, and this version of Holdfast restores ${etcdMinors.join(" and ")}: use the one that goes with your etcd.`,
    );
  if (own === undefined && wanted !== "3.6")
    throw new NotRestored(
      "--snapshot is of an etcd before 3.6. It can be opened by 3.6, and by nothing older again: give --etcd 3.6.",
    );
  if (own === "3.7" && wanted === "3.6")
    throw new NotRestored(
      `--etcd 3.6 does not open a snapshot of etcd ${version}, for etcd goes back to no older version: leave it out.`,
    );
  return wanted ?? own ?? "3.6";
}

/** Makes `data`, a member that is a cluster of its own. */
export async function restoreTo(
  data: string,
  { snapshot, bump, member: { name, peerUrl, clusterToken } }: RestorePlan,
  { minor, log }: { readonly minor: RestoredMinor; readonly log: Say },
): Promise<void> {
  const { path: etcdutl } = await fetchEtcdProgram("etcdutl", { version: minor, log });
  const args = [
    ...["snapshot", "restore", snapshot, `--data-dir=${data}`, `--name=${name}`],
    ...[`--initial-cluster=${name}=${peerUrl}`, `--initial-advertise-peer-urls=${peerUrl}`],
    `--initial-cluster-token=${clusterToken}`,
    ...(bump === undefined ? [] : [`--bump-revision=${bump}`, "--mark-compacted"]),
  ];
  await run({ command: etcdutl, args, progress: log }).catch((error: unknown) => {
    throw new NotRestored(`--snapshot ${snapshot} cannot be restored.\n${lastOf(error)}`);
  });
}

/** Its log lines come before what it has to say. */
function lastOf(error: unknown): string {
  return (error as Error).message.trimEnd().split("\n").at(-1) ?? "";
}
