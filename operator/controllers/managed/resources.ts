/** What the controller reads and writes beside the objects of operator/objects. */
import type { Resource } from "../../kube/objects.ts";

export { services, statefulSets } from "../../objects/etcd.ts";

export const claims: Resource = {
  ...{ group: "", version: "v1", kind: "PersistentVolumeClaim" },
  ...{ plural: "persistentvolumeclaims", namespaced: true },
};

/** For ever the same: see apply.ts. */
export const fieldManager = "holdfast-managed";
