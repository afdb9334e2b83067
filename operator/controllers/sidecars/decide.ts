/**
 * What there is to say of the pods of one namespace: how many are how, and what is news. Pure.
 *
 * A finding is told once, after it has stood for a while: who sets a label and then restarts the pods is told nothing, and two
 * watches that are not equally far are not taken for a finding. `Missing` is told of each pod, where whoever wonders about it
 * looks; an old sidecar, which an upgrade leaves in all pods at once, of what made the pods.
 */
import { after, type Instant } from "#core/runtime.ts";
import { findings, type FindingReason } from "../../injection/reasons.ts";
import type { News } from "../../kube/events.ts";
import type { KubeObject } from "../../kube/objects.ts";
import { judge, type Current, type Finding } from "./judge.ts";
import { ownerOf, restartAdvice } from "./restart.ts";

/** The worst first. */
export const findingReasons = Object.keys(findings) as readonly FindingReason[];

export interface NamespaceSeen {
  readonly name: string;
  /** Undefined: it is not known, not any more, or is being deleted: nothing is said of its pods. */
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly pods: readonly KubeObject[];
  readonly current: Current;
}

/** Names of pods, in order. */
export type Found = Readonly<Record<FindingReason, readonly string[]>>;

export interface Tally {
  /** Pods with a sidecar. */
  readonly injected: number;
  readonly found: Found;
}

export interface Memory {
  /** Since when a pod, by uid and finding, is so. */
  readonly since: ReadonlyMap<string, Instant>;
  /** What was told. */
  readonly told: ReadonlySet<string>;
}

export const noMemory: Memory = { since: new Map(), told: new Set() };

export interface ToTell {
  /** For {@link Memory.told}. */
  readonly key: string;
  readonly news: News;
}

export interface Plan {
  readonly tally: Tally;
  /** Without what is over. */
  readonly memory: Memory;
  /** The worst first. */
  readonly tell: readonly ToTell[];
  /** When there is something to tell next; undefined: nothing is known of. */
  readonly again: Instant | undefined;
}

interface FoundPod {
  readonly pod: KubeObject;
  readonly finding: Finding;
  readonly since: Instant;
}

export function decide(
  seen: NamespaceSeen,
  before: Memory,
  at: { readonly now: Instant; readonly tellAfterMs: number },
): Plan {
  const { injected, found } = judgeAll(seen, before, at.now);
  const told = new Set<string>();
  const tell = new Map<string, ToTell>();
  let again: Instant | undefined;
  for (const one of found) {
    const key = keyOf(one);
    if (before.told.has(key)) {
      told.add(key);
      continue;
    }
    const due = after(one.since, at.tellAfterMs);
    if (due > at.now) again = again === undefined || due < again ? due : again;
    else if (!tell.has(key)) tell.set(key, { key, news: newsOf(one) });
  }
  const since = new Map(found.map((one) => [sinceKey(one), one.since]));
  return {
    tally: tallyOf(injected, found),
    memory: { since, told },
    tell: [...tell.values()],
    again,
  };
}

/** The worst first, and by name. */
function judgeAll({ name, labels, pods, current }: NamespaceSeen, { since }: Memory, now: Instant) {
  const found: FoundPod[] = [];
  let injected = 0;
  if (labels === undefined) return { injected, found };
  for (const pod of pods) {
    const { hasSidecar, finding } = judge(pod, { name, labels }, current);
    if (hasSidecar) injected += 1;
    if (finding !== undefined)
      found.push({ pod, finding, since: since.get(sinceKey({ pod, finding })) ?? now });
  }
  const rank = ({ finding }: FoundPod) => findingReasons.indexOf(finding.reason);
  const byName = (a: FoundPod, b: FoundPod) => (a.pod.metadata.name < b.pod.metadata.name ? -1 : 1);
  return { injected, found: found.sort((a, b) => rank(a) - rank(b) || byName(a, b)) };
}

function tallyOf(injected: number, found: readonly FoundPod[]): Tally {
  const names = (reason: FindingReason) =>
    found.filter(({ finding }) => finding.reason === reason).map(({ pod }) => pod.metadata.name);
  return {
    injected,
    found: {
      Missing: names("Missing"),
      OldVersion: names("OldVersion"),
      OldTemplate: names("OldTemplate"),
    },
  };
}

function sinceKey({ pod, finding }: Pick<FoundPod, "pod" | "finding">): string {
  return `${finding.reason} ${pod.metadata.uid}`;
}

function keyOf({ pod, finding }: FoundPod): string {
  return `${finding.reason} ${subjectOf(pod, finding).metadata.uid}`;
}

/** What the Event is about. */
function subjectOf(pod: KubeObject, { reason }: Finding): KubeObject {
  const owner = reason === "Missing" ? undefined : ownerOf(pod);
  if (owner === undefined) return pod;
  const { apiVersion, kind, name, uid } = owner;
  const { namespace } = pod.metadata;
  // Nobody says which version of it made the pod.
  const metadata = {
    name,
    uid,
    resourceVersion: "",
    ...(namespace !== undefined && { namespace }),
  };
  return { apiVersion, kind, metadata };
}

function newsOf({ pod, finding }: FoundPod): News {
  const regarding = subjectOf(pod, finding);
  const { reason, what } = finding;
  const who =
    regarding === pod ? "The pod" : `The pod '${pod.metadata.name}', and maybe others of it,`;
  return {
    regarding,
    type: reason === "Missing" ? "Warning" : "Normal",
    reason: `Sidecar${reason}`,
    action: "List",
    note: `${who} ${what}. ${restartAdvice(pod)}`,
    once: true,
  };
}
