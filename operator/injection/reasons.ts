/**
 * Why a pod gets no sidecar: closed lists, with the words of the reference page. A skip lets the pod start as it is, a
 * refusal keeps it from starting: it asked for a sidecar, and would not have what it relies on. A finding is about a pod that
 * runs, which nobody can give another sidecar: it has to be made anew.
 */

interface Reason {
  /** When it is given. */
  readonly about: string;
  /** What a person does about it. */
  readonly way: string;
}

export const skips = {
  AlreadyInjected: {
    about:
      "The pod has a sidecar of this template: the API server asked again after another webhook.",
    way: "Nothing.",
  },
  Disabled: {
    about: "The pod's label is `disabled`, or it has none and the namespace's is.",
    way: "Nothing; or set `holdfast.dev/inject: enabled`.",
  },
  ExcludedNamespace: {
    about: "The pod is of the operator's own namespace, or of `kube-system`.",
    way: "Run it in another namespace. The chart's webhooks do not even ask about these.",
  },
  MirrorPod: {
    about: "The pod stands for one that a kubelet runs from a file: what runs cannot be changed.",
    way: "Run it by a Deployment, a DaemonSet or another controller.",
  },
  NotAsked: {
    about: "Neither the pod nor its namespace has the label.",
    way: "Set `holdfast.dev/inject: enabled` on one of them.",
  },
} as const satisfies Record<string, Reason>;

export const refusals = {
  ContainerNameTaken: {
    about: "The pod has a container `holdfast` that is not ours.",
    way: "Rename the container.",
  },
  DnsPolicy: {
    about:
      "`spec.dnsPolicy` is `None` or `Default`: the sidecar could not find the operator and etcd.",
    way: "Use `ClusterFirst`, or label the pod `holdfast.dev/inject: disabled`.",
  },
  HostNetwork: {
    about:
      "`spec.hostNetwork` is set: the sidecar's ports on loopback would be the whole node's, for anybody on it.",
    way: "Take `hostNetwork` away, or label the pod `holdfast.dev/inject: disabled`.",
  },
  MalformedAnnotation: {
    about: "An annotation that begins with `holdfast.dev/` has a value that cannot be taken.",
    way: "Correct it as the message says.",
  },
  NamespaceNotServed: {
    about: "The operator serves some namespaces (`HOLDFAST_NAMESPACES`), and this is none of them.",
    way: "Add the namespace to the operator's, or take the label away.",
  },
  NamespaceUnknown: {
    about: "The pod's namespace could not be read from the API server.",
    way: "Nothing: whoever makes the pod tries again. When it stays, look at the operator's log.",
  },
  NoImage: {
    about: "The operator was not told which image sidecars have.",
    way: "Set `HOLDFAST_SIDECAR_IMAGE` of the operator; the chart does.",
  },
  NoTrust: {
    about: "The operator has not read or made its authority yet, which a sidecar is to trust.",
    way: "Nothing: whoever makes the pod tries again. When it stays, look at the operator's log.",
  },
  PortClash: {
    about: "Another container of the pod says that it listens on a port of the sidecar.",
    way: "Give the sidecar another port by the annotation that the message names, or change the container's.",
  },
  UnknownAnnotation: {
    about: "An annotation begins with `holdfast.dev/` and is none that is known.",
    way: "Correct its name; the message says which one may be meant.",
  },
  UnreadableRequest: {
    about: "What was sent is no pod that is to be made.",
    way: "The webhook is for the creation of pods: see operator/webhooks/configuration.ts.",
  },
  VolumeNameTaken: {
    about: "The pod has a volume `holdfast-state` or `holdfast-token` that is not ours.",
    way: "Rename the volume.",
  },
  Windows: {
    about: "The pod is for Windows, and the sidecar's image for Linux.",
    way: "Label the pod `holdfast.dev/inject: disabled`.",
  },
  WrongLabel: {
    about: "The label is neither `enabled` nor `disabled`.",
    way: "Set `holdfast.dev/inject` to `enabled` or `disabled`.",
  },
} as const satisfies Record<string, Reason>;

/** The worst first. */
export const findings = {
  Missing: {
    about:
      "The pod asks for a sidecar, by its label or its namespace's, and runs without: it was made before the label, or while the webhooks were not configured. Or somebody took away by what it is known (`holdfast.dev/sidecar`, `holdfast.dev/injection`).",
    way: "Have it made anew: `kubectl rollout restart`. What would then be refused is said. To let it be, set the pod's label to `disabled`.",
  },
  OldVersion: {
    about: "The sidecar was put in by an older version of the operator than the one that leads.",
    way: "Have it made anew when it suits: sidecars of two minor versions before work with the operator.",
  },
  OldTemplate: {
    about:
      "The sidecar is of the operator's version, and of another template: its image, its pull policy or the operator's address were others.",
    way: "Have it made anew.",
  },
} as const satisfies Record<string, Reason>;

export type FindingReason = keyof typeof findings;
export type SkipReason = keyof typeof skips;
export type RefusalReason = keyof typeof refusals;

/** The pod must not start. The message says what, which, and what to do. */
export interface Refused {
  readonly kind: "refused";
  readonly reason: RefusalReason;
  readonly message: string;
}

export interface Skipped {
  readonly kind: "skipped";
  readonly reason: SkipReason;
  readonly message: string;
}

export function refuse(reason: RefusalReason, message: string): Refused {
  return { kind: "refused", reason, message };
}

export function skip(reason: SkipReason, message: string): Skipped {
  return { kind: "skipped", reason, message };
}
