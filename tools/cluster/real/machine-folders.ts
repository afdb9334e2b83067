/**
 * Folders of the machine in which programs of the cluster write whatever they are told, and what they leave there. Only
 * what is certainly ours is removed, and then what has become empty and was not there before: others may use them, too.
 */
import { existsSync } from "node:fs";
import { readdir, rm, rmdir } from "node:fs/promises";
import path from "node:path";
import { networkName } from "./site.ts";

const shims = "/run/containerd";
const networks = "/var/lib/cni";
const kubelet = "/var/lib/kubelet";

export const absentNow = (): string[] =>
  [shims, networks, kubelet].filter((folder) => !existsSync(folder));

export async function clearFolders(absentBefore: readonly string[]): Promise<void> {
  await removeResults(path.join(networks, "results"));
  if (absentBefore.includes(kubelet))
    await rm(path.join(kubelet, "device-plugins/kubelet.sock"), { force: true });
  for (const folder of absentBefore) await removeEmpty(folder);
}

/** The network plugins remember each pod: by the network's name, and its loopback by that of all. */
async function removeResults(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  const names = await readdir(folder);
  const ids = names.flatMap(
    (name) => new RegExp(`^${networkName}-([0-9a-f]+)-`).exec(name)?.[1] ?? [],
  );
  const ours = names.filter((name) => ids.some((id) => name.includes(id)));
  for (const name of ours) await rm(path.join(folder, name), { force: true });
}

/** From the inside; what holds anything stays. */
async function removeEmpty(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await removeEmpty(path.join(folder, entry.name));
  if ((await readdir(folder)).length === 0) await rmdir(folder);
}
