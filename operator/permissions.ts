/**
 * What the operator may do in a cluster, each rule with its reason: all it is ever granted. Charts and tests make their roles
 * from it, and docs/reference/permissions.md its tables. Of pods it only sees, but for a mark on etcd's own; there is no right on
 * Secrets of another namespace than its own, nor to write what users write, but for the one Backend that it makes.
 */
import { group } from "#api/names.ts";
import { backend } from "#api/resources/backend.ts";
import { publishedKinds } from "./controllers/published/kinds.ts";

export interface Rule {
  readonly why: string;
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

export interface Permissions {
  /** In the whole cluster, by a ClusterRole. */
  readonly cluster: readonly Rule[];
  /** In the operator's own namespace. */
  readonly own: readonly Rule[];
  /** In each of the namespaces that are served; none where all are: then the cluster's rules cover them. */
  readonly served: readonly Rule[];
}

export interface Names {
  readonly lease: string;
  /** Undefined: all are served. */
  readonly namespaces: readonly string[] | undefined;
  /** The MutatingWebhookConfiguration; undefined: none. */
  readonly webhookConfiguration: string | undefined;
}

/** As the options name them. */
export function permissionsOf({ lease, namespaces, webhookConfiguration }: Names): Permissions {
  const cluster = [
    ...[clusterName, reviewsTokens, ...namespacesExist(namespaces)],
    ...trustsWebhooks(webhookConfiguration),
  ];
  const own = [...election(lease), makesBackend, ...secrets, ...managed];
  const everywhere = [...published, ...backends, injected, events];
  return namespaces === undefined
    ? { cluster: [...cluster, ...everywhere], own, served: [] }
    : { cluster, own: [...own, ...backends, events], served: everywhere };
}

const ours = { apiGroups: [group] };
const plurals = publishedKinds.map(({ resource }) => resource.plural);

const published: readonly Rule[] = [
  {
    why: "the resources are followed by watches; one of them is read where a watch may be behind",
    ...ours,
    resources: plurals,
    verbs: ["get", "list", "watch"],
  },
  {
    why: "statuses are written by server-side apply; the rest of a resource never is",
    ...ours,
    resources: plurals.map((plural) => `${plural}/status`),
    verbs: ["patch"],
  },
];

const events: Rule = {
  why: "what a person would want to know is told as Events, repetitions in the same one",
  apiGroups: ["events.k8s.io"],
  resources: ["events"],
  verbs: ["create", "patch"],
};

const injected: Rule = {
  why: "the metadata of pods that have not ended is followed: a namespace gets its user in etcd with its first pod that has a sidecar, and pods that ask for one and run without, or whose sidecar is old, are counted and told",
  apiGroups: [""],
  resources: ["pods"],
  verbs: ["list", "watch"],
};

/** Where the one that is used stands, and wherever somebody may have written one that is not. */
const backends: readonly Rule[] = [
  {
    why: "Backends are followed by watches, also those that are not used: their status says so",
    ...ours,
    resources: [backend.plural],
    verbs: ["list", "watch"],
  },
  {
    why: "the state of the etcd that is used is written into its status by server-side apply",
    ...ours,
    resources: [`${backend.plural}/status`],
    verbs: ["patch"],
  },
];

const makesBackend: Rule = {
  why: "the Backend `default` is made from the operator's options where it is missing; no rule can name what is made",
  ...ours,
  resources: [backend.plural],
  verbs: ["create"],
};

const secretsOfOwn = { apiGroups: [""], resources: ["secrets"] };
const secrets: readonly Rule[] = [
  {
    why: "the Secrets that the Backend names are read: etcd's authority and its admin, under names that users choose",
    ...secretsOfOwn,
    verbs: ["get"],
  },
  {
    why: "the Secrets with the passwords of namespaces are followed: one that is deleted is made anew, with another password",
    ...secretsOfOwn,
    verbs: ["list", "watch"],
  },
  {
    why: "a namespace's Secret is made by server-side apply when it gets its user in etcd, which takes both, and deleted when the namespace is gone",
    ...secretsOfOwn,
    verbs: ["create", "patch", "delete"],
  },
  {
    why: "the Secrets of the three authorities are read, and made where they are missing, by every operator; the leader writes them over the version that it read when one is renewed",
    ...secretsOfOwn,
    verbs: ["get", "create", "update"],
  },
];

const managed: readonly Rule[] = [
  {
    why: "the StatefulSet of an etcd that the operator runs is made and kept by server-side apply, which takes both; read first, so that nobody else's is written over; it is never deleted",
    apiGroups: ["apps"],
    resources: ["statefulsets"],
    verbs: ["get", "list", "watch", "create", "patch"],
  },
  {
    why: "its Services likewise",
    apiGroups: [""],
    resources: ["services"],
    verbs: ["get", "list", "watch", "create", "patch"],
  },
  {
    why: "what keeps its pod or its volume from coming up is told in the Backend's status",
    apiGroups: [""],
    resources: ["pods", "persistentvolumeclaims"],
    verbs: ["list", "watch"],
  },
  {
    why: "one annotation on its pod tells the kubelet that it is to trust others, where a new pod would lose the data; no rule can name a pod of a set whose name is an option",
    apiGroups: [""],
    resources: ["pods"],
    verbs: ["patch"],
  },
];

const clusterName: Rule = {
  why: "its uid names the cluster, so that two clusters never share one spec tree in etcd",
  apiGroups: [""],
  resources: ["namespaces"],
  resourceNames: ["kube-system"],
  verbs: ["get"],
};

const reviewsTokens: Rule = {
  why: "a sidecar that asks for its identity shows a token: whose it is, and for which pod, only the API server knows",
  apiGroups: ["authentication.k8s.io"],
  resources: ["tokenreviews"],
  verbs: ["create"],
};

function namespacesExist(names: readonly string[] | undefined): readonly Rule[] {
  const namespaces = {
    apiGroups: [""],
    resources: ["namespaces"],
    ...(names !== undefined && { resourceNames: names }),
  };
  const followed: Rule = {
    why: "a namespace's user in etcd goes when the namespace is gone; those that are served by name are followed by name",
    ...namespaces,
    verbs: ["list", "watch"],
  };
  const asked: Rule = {
    why:
      names === undefined
        ? "whether pods of a namespace get a sidecar is said by its label, which is read when one is to be made"
        : "whether pods of a namespace get a sidecar is said by its label; and with a namespace goes the Role in it: whether that is why its resources are forbidden is asked",
    ...namespaces,
    verbs: ["get"],
  };
  return [followed, asked];
}

function trustsWebhooks(name: string | undefined): readonly Rule[] {
  if (name === undefined) return [];
  return [
    {
      why: "whom the API server is to trust at the webhooks is written into their configuration by server-side apply, and nothing else of it; it is made by whoever installs the operator",
      apiGroups: ["admissionregistration.k8s.io"],
      resources: ["mutatingwebhookconfigurations"],
      resourceNames: [name],
      verbs: ["get", "patch"],
    },
  ];
}

function election(lease: string): readonly Rule[] {
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
