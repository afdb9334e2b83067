/** Names that stand in more than one room: the API group, ports, and the bounds of names. */
export const group = "holdfast.dev";
export const version = "v1alpha1";
export const apiVersion = `${group}/${version}`;

export const ports = {
  http: 4653,
  resp: 4654,
  health: 4655,
  webhooks: 4656,
  identity: 4658,
} as const;

/** Labels and annotations of pods and namespaces. */
export const injectLabel = `${group}/inject`;
export const injectLabelValues = ["enabled", "disabled"] as const;
/** The sidecar's container. */
export const sidecarContainer = "holdfast";
/** On each pod that has a sidecar. */
export const sidecarLabel = `${group}/sidecar`;
export const sidecarLabelValue = "injected";
/** On a pod that may force a release, with the value `enabled`. */
export const adminAnnotation = `${group}/admin`;
/** What was injected, as JSON: see operator/injection/mark.ts. */
export const injectionAnnotation = `${group}/injection`;

/** The name of a lock: UTF-8, without control characters. */
export const lockNameBytesMax = 512;

/** What this build understands of anything stored; a record may ask for more (see docs/architecture.md). */
export const protocolLevel = 1;
