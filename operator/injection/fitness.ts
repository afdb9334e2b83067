/** What a sidecar cannot live in, and what of a pod has a name or a port of the sidecar's. */
import { quote } from "#api/fields/text.ts";
import { injectionAnnotation, injectLabel, sidecarContainer } from "#api/names.ts";
import { annotationOf, type Settings } from "./annotations.ts";
import { readMark, type Mark } from "./mark.ts";
import type { PodSeen } from "./pod.ts";
import { refuse, type Refused } from "./reasons.ts";
import { portsOf, volumeNames } from "./template.ts";

const without = `set the pod's label '${injectLabel}' to disabled`;

/** Undefined: nothing is in the way. */
export function unfit(seen: PodSeen, settings: Settings): Refused | undefined {
  return nowhereToLive(seen) ?? nameTaken(seen) ?? portTaken(seen, settings);
}

/** What an earlier call left, where the sidecar that it tells of is there. */
export function ownMark({ annotations = {}, initContainers = [] }: PodSeen): Mark | undefined {
  const there = initContainers.some(({ name, staysUp }) => name === sidecarContainer && staysUp);
  return there ? readMark(annotations[injectionAnnotation]) : undefined;
}

function nowhereToLive(pod: PodSeen): Refused | undefined {
  const { hostNetwork, dnsPolicy = "ClusterFirst", windows } = pod;
  if (windows)
    return refuse("Windows", `The pod is for Windows, where there is no sidecar: ${without}.`);
  if (hostNetwork)
    return refuse(
      "HostNetwork",
      `The pod has spec.hostNetwork, so that the sidecar's ports would be the node's. Take it away, or ${without}.`,
    );
  if (dnsPolicy === "None" || dnsPolicy === "Default")
    return refuse(
      "DnsPolicy",
      `The pod's spec.dnsPolicy is '${dnsPolicy}', by which the sidecar does not find its operator. Set it to ClusterFirst, or ${without}.`,
    );
  return undefined;
}

function nameTaken(seen: PodSeen): Refused | undefined {
  const isOurs = ownMark(seen) !== undefined;
  if (othersOf(seen).some(({ name }) => name === sidecarContainer))
    return refuse(
      "ContainerNameTaken",
      `The pod has a container '${sidecarContainer}', which is the sidecar's name. Rename it, or ${without}.`,
    );
  const taken = Object.values(volumeNames).find((name) => seen.volumes?.includes(name));
  if (!isOurs && taken !== undefined)
    return refuse(
      "VolumeNameTaken",
      `The pod has a volume '${taken}', which the sidecar brings. Rename it, or ${without}.`,
    );
  return undefined;
}

function portTaken(seen: PodSeen, settings: Settings): Refused | undefined {
  const others = othersOf(seen);
  for (const [setting, port] of portsOf(settings)) {
    const other = others.find((container) => container.ports.includes(port));
    if (other !== undefined)
      return refuse(
        "PortClash",
        `The container ${quote(other.name)} has port ${port}, which the sidecar listens on. Give the sidecar another one by the annotation '${annotationOf(setting)}', or ${without}.`,
      );
  }
  return undefined;
}

function othersOf(seen: PodSeen) {
  const { containers, initContainers = [] } = seen;
  const isOurs = ownMark(seen) !== undefined;
  const own = isOurs ? initContainers.findIndex(({ name }) => name === sidecarContainer) : -1;
  return [...containers, ...initContainers.filter((_container, at) => at !== own)];
}
