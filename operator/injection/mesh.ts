/**
 * What a service mesh means for the sidecar. Only Istio and Linkerd are known, by their labels, annotations and containers;
 * they may be injected before us or after.
 *
 * A mesh's proxy takes all connections of a pod. Those of the sidecar to etcd and to the operator are TLS of their own,
 * and begin before a proxy that is an ordinary container has begun; the kubelet's questions come in then, too. So the
 * mesh is told to leave these ports alone, by its own annotations: what stands in them stays, ours are appended.
 */
import { sidecarContainer } from "#api/names.ts";
import type { ContainerSeen, NamespaceFacts, PodSeen } from "./pod.ts";

export interface MeshPorts {
  readonly outbound: readonly number[];
  readonly inbound: readonly number[];
}

type Mesh = "istio" | "linkerd";

const annotations: Readonly<Record<Mesh, Readonly<Record<keyof MeshPorts, string>>>> = {
  istio: {
    outbound: "traffic.sidecar.istio.io/excludeOutboundPorts",
    inbound: "traffic.sidecar.istio.io/excludeInboundPorts",
  },
  linkerd: {
    outbound: "config.linkerd.io/skip-outbound-ports",
    inbound: "config.linkerd.io/skip-inbound-ports",
  },
};

/** Each is in a pod of its mesh, whichever way that was injected. */
const containersOf: Readonly<Record<Mesh, readonly string[]>> = {
  istio: ["istio-init", "istio-validation", "istio-proxy"],
  linkerd: ["linkerd-init", "linkerd-network-validator", "linkerd-proxy"],
};
/** Native sidecars, where they are: from them on the pod has a network. */
const proxies = new Set(["istio-proxy", "linkerd-proxy"]);
/** They end when a mesh's CNI plugin has done its work, and the pod is made anew where it has not: nothing may go before. */
const validators = new Set(["istio-validation", "linkerd-network-validator"]);
const allOfMeshes = new Set(Object.values(containersOf).flat());

/**
 * Where the sidecar stands among the init containers: first, so that all others can use it; but behind a mesh's proxy, or
 * its validator, that stands first. An `istio-init` alone redirects to a proxy that begins much later: the sidecar goes
 * before it.
 */
export function positionIn(initContainers: readonly ContainerSeen[]): number {
  let position = 0;
  for (const [index, { name, staysUp }] of initContainers.entries()) {
    if (!allOfMeshes.has(name)) break;
    if (validators.has(name) || (proxies.has(name) && staysUp)) position = index + 1;
  }
  return position;
}

/**
 * Whether all who may hold a lock have ended when the kubelet asks the sidecar to end. It waits for the pod's containers and
 * for later sidecars, but not for an init container that is to end by itself: where the pod is deleted while that runs, both
 * are asked at the same moment, and it may go on for the whole grace period. A mesh's take no locks.
 */
export function callersEndFirst(initContainers: readonly ContainerSeen[]): boolean {
  const at = initContainers.findIndex(({ name }) => name === sidecarContainer);
  const later = initContainers.slice(at < 0 ? positionIn(initContainers) : at);
  return later.every(({ name, staysUp }) => staysUp || allOfMeshes.has(name));
}

/** The annotations with our ports in them; empty where there is no mesh. */
export function meshAnnotations(
  pod: PodSeen,
  namespace: NamespaceFacts,
  ports: MeshPorts,
): Readonly<Record<string, string>> {
  const wanted: Record<string, string> = {};
  for (const mesh of meshesOf(pod, namespace)) {
    for (const way of ["outbound", "inbound"] as const) {
      const name = annotations[mesh][way];
      // A pod's annotation of Linkerd replaces the namespace's: what stands there must stay in force.
      const inherited = mesh === "linkerd" ? namespace.annotations[name] : undefined;
      wanted[name] = withPorts(pod.annotations?.[name] ?? inherited ?? "", ports[way]);
    }
  }
  return wanted;
}

function meshesOf(pod: PodSeen, namespace: NamespaceFacts): Mesh[] {
  const found: Mesh[] = [];
  const names = new Set([...pod.containers, ...(pod.initContainers ?? [])].map(({ name }) => name));
  const has = (mesh: Mesh): boolean => containersOf[mesh].some((name) => names.has(name));
  if (has("istio") || willBeIstio(pod, namespace)) found.push("istio");
  if (has("linkerd") || willBeLinkerd(pod, namespace)) found.push("linkerd");
  return found;
}

function willBeIstio({ labels = {}, annotations: said = {} }: PodSeen, namespace: NamespaceFacts) {
  const asked = labels["sidecar.istio.io/inject"] ?? said["sidecar.istio.io/inject"];
  if (asked === "false") return false;
  return (
    asked === "true" ||
    labels["istio.io/rev"] !== undefined ||
    namespace.labels["istio-injection"] === "enabled" ||
    namespace.labels["istio.io/rev"] !== undefined
  );
}

function willBeLinkerd({ annotations: said = {} }: PodSeen, namespace: NamespaceFacts): boolean {
  const asked = said["linkerd.io/inject"] ?? namespace.annotations["linkerd.io/inject"];
  return asked === "enabled" || asked === "ingress";
}

/** Appended, where a port is not covered yet: by itself, or by a range, as Linkerd knows them. */
function withPorts(list: string, ports: readonly number[]): string {
  const before = list
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  const missing = [...new Set(ports)].filter((port) => !before.some((part) => covers(part, port)));
  if (missing.length === 0) return list;
  return [...before, ...missing.map(String)].join(",");
}

function covers(part: string, port: number): boolean {
  const [, from, to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? [];
  return from !== undefined && port >= Number(from) && port <= Number(to);
}
