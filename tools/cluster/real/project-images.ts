/** The project's own images in the real rung's cluster, as `make image` makes them from the tree as it is. */
import type { Say } from "#tools/fetch/step.ts";
import { referenceOf, type ImageName } from "#tools/image/images.ts";
import { imagesFolder, writeImages } from "#tools/image/write.ts";
import type { RealCluster } from "./real-cluster.ts";

/** As pods name them, with `imagePullPolicy` Never or IfNotPresent. */
export interface ProjectImages {
  readonly sidecar: string;
  readonly operator: string;
  readonly etcd: string;
}

const fields = {
  "holdfast-sidecar": "sidecar",
  "holdfast-operator": "operator",
  "holdfast-etcd": "etcd",
} as const satisfies Readonly<Record<ImageName, keyof ProjectImages>>;

/** Makes them, which takes seconds, and imports them. */
export async function importProjectImages(
  cluster: Pick<RealCluster, "importImage">,
  say: Say = () => undefined,
): Promise<ProjectImages> {
  const images = { sidecar: "", operator: "", etcd: "" };
  for await (const { name, archive } of writeImages({ folder: imagesFolder, say })) {
    await cluster.importImage(archive);
    images[fields[name]] = referenceOf(name);
  }
  return images;
}
