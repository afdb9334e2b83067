/** Volumes for the real rung: folders of the machine, one a claim, by a StorageClass that is the default. Nobody makes more. */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import type { RealCluster } from "./real-cluster.ts";
import { nodeName } from "./site.ts";

const className = "local";

const storageClass = {
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: {
    name: className,
    annotations: { "storageclass.kubernetes.io/is-default-class": "true" },
  },
  provisioner: "kubernetes.io/no-provisioner",
  // What is claimed before a pod is on a node could be claimed elsewhere.
  volumeBindingMode: "WaitForFirstConsumer",
};

/** They go with the cluster's folder. */
export async function makeVolumes(
  cluster: Pick<RealCluster, "folder" | "kubectl">,
  { count, size }: { readonly count: number; readonly size: string },
): Promise<void> {
  const volumes: object[] = [];
  for (let at = 0; at < count; at++) {
    const folder = path.join(cluster.folder, "volumes", String(at));
    await mkdir(folder, { recursive: true });
    volumes.push(volume(`local-${at}`, folder, size));
  }
  const list = { apiVersion: "v1", kind: "List", items: [storageClass, ...volumes] };
  await cluster.kubectl.run(["apply", "-f", "-"], JSON.stringify(list));
}

function volume(name: string, folder: string, size: string): object {
  const here = { key: "kubernetes.io/hostname", operator: "In", values: [nodeName] };
  return {
    ...{ apiVersion: "v1", kind: "PersistentVolume", metadata: { name } },
    spec: {
      ...{ capacity: { storage: size }, accessModes: ["ReadWriteOnce"] },
      ...{ storageClassName: className, persistentVolumeReclaimPolicy: "Retain" },
      local: { path: folder },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [here] }] } },
    },
  };
}
