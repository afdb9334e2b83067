/**
 * What the operator may do in a cluster, each rule with its reason: all it is ever granted. Charts and tests make their roles
 * from it. There is no right on Secrets, on pods, or to write what users write.
 */
import { group } from "#api/names.ts";
import { kinds } from "#api/resources/kinds.ts";

export interface Rule {
  readonly why: string;
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

const plurals = kinds.map(({ plural }) => plural);

/** In each namespace that is served; in all, where the operator serves all. */
export const servedRules: readonly Rule[] = [
  {
    why: "the resources are followed by watches; one of them is read where a watch may be behind",
    apiGroups: [group],
    resources: plurals,
    verbs: ["get", "list", "watch"],
  },
  {
    why: "statuses are written by server-side apply; the rest of a resource never is",
    apiGroups: [group],
    resources: plurals.map((plural) => `${plural}/status`),
    verbs: ["patch"],
  },
  {
    why: "what a person would want to know is told as Events, repetitions in the same one",
    apiGroups: ["events.k8s.io"],
    resources: ["events"],
    verbs: ["create", "patch"],
  },
];

/** In the whole cluster, whatever is served. */
export const clusterRules: readonly Rule[] = [
  {
    why: "its uid names the cluster, so that two clusters never share one spec tree in etcd",
    apiGroups: [""],
    resources: ["namespaces"],
    resourceNames: ["kube-system"],
    verbs: ["get"],
  },
];

/** In the operator's own namespace. `lease`: as its option names it. */
export function ownRules(lease: string): readonly Rule[] {
  const leases = { apiGroups: ["coordination.k8s.io"], resources: ["leases"] };
  return [
    {
      why: "the first operator makes the Lease; no rule can name what is made",
      ...leases,
      verbs: ["create"],
    },
    {
      why: "the leader renews the Lease, and gives it back when it ends",
      ...leases,
      resourceNames: [lease],
      verbs: ["get", "update"],
    },
  ];
}
