/** The patch that gives a pod its sidecar, or what is missing of it. */
import {
  injectionAnnotation,
  sidecarContainer,
  sidecarLabel,
  sidecarLabelValue,
} from "#api/names.ts";
import { markText, type Mark } from "./mark.ts";
import { positionIn } from "./mesh.ts";
import { insert, replaceAt, setEntries, type Operation } from "./patch.ts";
import type { ContainerSeen, PodSeen } from "./pod.ts";
import { appEndsFirstVariable, trustVariable } from "./template.ts";

export interface SidecarParts {
  readonly container: object;
  readonly volumes: readonly { readonly name: string }[];
  readonly mark: Mark;
  /** PEM. */
  readonly trust: string;
  readonly appEndsFirst: boolean;
  /** The container and the volumes that are there stay as they are. */
  readonly keeps: boolean;
  /** Beside the mark. */
  readonly annotations: Readonly<Record<string, string>>;
}

export function patchOf(seen: PodSeen, parts: SidecarParts): Operation[] {
  const { mark, annotations } = parts;
  return [
    ...setEntries("/metadata/labels", seen.labels, { [sidecarLabel]: sidecarLabelValue }),
    ...setEntries("/metadata/annotations", seen.annotations, {
      [injectionAnnotation]: parts.keeps
        ? (seen.annotations?.[injectionAnnotation] ?? markText(mark))
        : markText(mark),
      ...annotations,
    }),
    ...volumesPatch(seen, parts),
    ...containerPatch(seen, parts),
  ];
}

function volumesPatch({ volumes }: PodSeen, { volumes: wanted, keeps }: SidecarParts): Operation[] {
  let length = volumes?.length;
  return wanted.flatMap((volume) => {
    const at = volumes?.indexOf(volume.name) ?? -1;
    if (at >= 0) return keeps ? [] : [replaceAt("/spec/volumes", at, volume)];
    const operation = insert({ path: "/spec/volumes", length }, "end", volume);
    length = (length ?? 0) + 1;
    return [operation];
  });
}

/** The place is chosen once: a mesh that comes later puts itself before us, where it wants to. */
function containerPatch(
  { initContainers }: PodSeen,
  { container, keeps, trust, appEndsFirst }: SidecarParts,
): Operation[] {
  const path = "/spec/initContainers";
  const at = initContainers?.findIndex(({ name }) => name === sidecarContainer) ?? -1;
  const there = initContainers?.[at];
  if (there !== undefined)
    return keeps
      ? Object.entries({
          [trustVariable]: trust,
          [appEndsFirstVariable]: String(appEndsFirst),
        }).flatMap(([name, value]) => valuePatch(`${path}/${at}/env`, there, { name, value }))
      : [replaceAt(path, at, container)];
  const list = { path, length: initContainers?.length };
  return [insert(list, positionIn(initContainers ?? []), container)];
}

/**
 * Whom it trusts may have changed since, though all else is the same: the pod was copied, or brought back by a backup into a
 * cluster with another authority. Such a sidecar would find nobody whom it believes, and end for ever. Another webhook may
 * have put an init container behind it, for which it must not end as if all had ended.
 */
function valuePatch(
  path: string,
  { env }: ContainerSeen,
  entry: { readonly name: string; readonly value: string },
): Operation[] {
  const at = env.findIndex(([name]) => name === entry.name);
  return at < 0 || env[at]?.[1] === entry.value ? [] : [replaceAt(path, at, entry)];
}
