/** A containerd of the cluster's own: the machine's is neither used nor touched. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { run } from "#tools/fetch/step.ts";
import { archiveOf, type Image } from "#tools/image/archive.ts";
import { networkPlugins } from "./packages.ts";
import { imageOf, networkName, podRange } from "./site.ts";

export const socketIn = (folder: string): string => path.join(folder, "containerd.sock");
const configIn = (folder: string): string => path.join(folder, "containerd.toml");

/** A path of a socket that is longer is refused by the kernel. */
const socketPathMax = 107;

export const containerdArgs = (folder: string): string[] => ["--config", configIn(folder)];

export async function writeContainerdConfig(folder: string): Promise<void> {
  const socket = socketIn(folder);
  if (socket.length > socketPathMax)
    throw new Error(`${socket} is too long for a socket: put the project at a shorter path.`);
  const networks = path.join(folder, "cni");
  await mkdir(networks, { recursive: true });
  await writeFile(path.join(networks, "10-holdfast.conflist"), networkConfig(folder));
  await writeFile(configIn(folder), configOf(folder, networks));
}

function configOf(folder: string, networks: string): string {
  const cri = '[plugins."io.containerd.grpc.v1.cri"';
  return `version = 2
root = "${path.join(folder, "containerd")}"
state = "${path.join(folder, "containerd-state")}"
# Those of disks that we do not have; tracing; and opt, which would make a folder at the machine's root.
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.tracing",
  "io.containerd.internal.v1.opt",
]

[grpc]
  address = "${socketIn(folder)}"

${cri}]
  sandbox_image = "${imageOf("pause")}"
  disable_apparmor = true
  # Root may lack the right to make a process less likely to be ended for want of memory: runc would fail with "can't get
  # final child's PID from pipe".
  restrict_oom_score_adj = true
  # Namespaces of pods are then mounts below our folder, and go with it.
  netns_mounts_under_state_dir = true

${cri}.cni]
  bin_dir = "${networkPlugins}"
  conf_dir = "${networks}"

${cri}.containerd]
  snapshotter = "overlayfs"

${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

${cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false
`;
}

/** A bridge: pods of the one node reach each other, the node, and through it the machine; there is nothing else. */
function networkConfig(folder: string): string {
  const addresses = {
    type: "host-local",
    dataDir: path.join(folder, "cni-addresses"),
    ranges: [[{ subnet: podRange }]],
    routes: [{ dst: "0.0.0.0/0" }],
  };
  const bridge = {
    type: "bridge",
    bridge: "cni0",
    ...{ isGateway: true, hairpinMode: true, ipMasq: false },
    ipam: addresses,
  };
  const ports = { type: "portmap", capabilities: { portMappings: true } };
  return JSON.stringify({ cniVersion: "0.4.0", name: networkName, plugins: [bridge, ports] });
}

export function ctr(folder: string, args: readonly string[]): Promise<string> {
  return run({
    command: "ctr",
    args: ["--address", socketIn(folder), "--namespace", "k8s.io", ...args],
    timeoutMs: 120_000,
  });
}

export async function importImage(folder: string, image: Image): Promise<void> {
  const archive = path.join(folder, "image.tar");
  await writeFile(archive, archiveOf(image, process.arch));
  await importArchive(folder, archive);
  await rm(archive);
}

export async function importArchive(folder: string, archive: string): Promise<void> {
  await ctr(folder, ["images", "import", archive]);
}
