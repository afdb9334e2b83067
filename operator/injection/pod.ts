/** A pod as it is on the wire, and what injection reads of it. Anything may be missing: what others wrote is not checked yet. */
import { numberOf, objectOf, textMapOf, textOf } from "#core/json.ts";

export type Pod = Readonly<Record<string, unknown>>;
type Raw = Readonly<Record<string, unknown>>;

/** What is read of a namespace. */
export interface NamespaceFacts {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ContainerSeen {
  readonly name: string;
  /** A native sidecar: an init container that goes on. */
  readonly staysUp: boolean;
  /** On TCP. */
  readonly ports: readonly number[];
  /** In the order in which they stand; undefined: the value is from elsewhere. */
  readonly env: readonly (readonly [name: string, value: string | undefined])[];
}

export interface PodSeen {
  /** Undefined: there is no such map, and one has to be made. */
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly annotations: Readonly<Record<string, string>> | undefined;
  readonly containers: readonly ContainerSeen[];
  readonly initContainers: readonly ContainerSeen[] | undefined;
  /** Their names. */
  readonly volumes: readonly string[] | undefined;
  readonly hostNetwork: boolean;
  readonly dnsPolicy: string | undefined;
  readonly windows: boolean;
  /** The pod's own, which containers inherit. */
  readonly runAsUser: number | undefined;
}

/** Undefined: it is no pod. */
export function readPod(pod: Pod): PodSeen | undefined {
  const metadata = objectOf(pod["metadata"]);
  const spec = objectOf(pod["spec"]);
  if (metadata === undefined || spec === undefined) return undefined;
  const containers = containersOf(spec["containers"]);
  if (containers === undefined) return undefined;
  const os = textOf(objectOf(spec["os"])?.["name"]);
  const selected = textMapOf(spec["nodeSelector"])["kubernetes.io/os"];
  return {
    labels: mapOf(metadata["labels"]),
    annotations: mapOf(metadata["annotations"]),
    containers,
    initContainers: containersOf(spec["initContainers"]),
    volumes: listOf(spec["volumes"])?.map((volume) => textOf(volume["name"]) ?? ""),
    hostNetwork: spec["hostNetwork"] === true,
    dnsPolicy: textOf(spec["dnsPolicy"]),
    windows: [os, selected].includes("windows"),
    runAsUser: numberOf(objectOf(spec["securityContext"])?.["runAsUser"]),
  };
}

function mapOf(value: unknown): Readonly<Record<string, string>> | undefined {
  return objectOf(value) === undefined ? undefined : textMapOf(value);
}

function listOf(value: unknown): readonly Raw[] | undefined {
  return Array.isArray(value) ? value.map((item) => objectOf(item) ?? {}) : undefined;
}

function containersOf(value: unknown): readonly ContainerSeen[] | undefined {
  return listOf(value)?.map((container) => ({
    name: textOf(container["name"]) ?? "",
    staysUp: container["restartPolicy"] === "Always",
    ports: (listOf(container["ports"]) ?? [])
      .filter((port) => (textOf(port["protocol"]) ?? "TCP") === "TCP")
      .map((port) => numberOf(port["containerPort"]))
      .filter((port) => port !== undefined),
    env: (listOf(container["env"]) ?? []).map(({ name, value }) => [
      textOf(name) ?? "",
      textOf(value),
    ]),
  }));
}
