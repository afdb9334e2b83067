/** The operator's options: each one here and nowhere else. `--help`, the messages and the reference page come from it. */
import { ports } from "#api/names.ts";
import { address, addressUnit } from "#host/address.ts";
import { logOptions } from "#host/log-options.ts";
import { choice, duration, file, flag, httpUrls, label, list, text } from "#host/option-kinds.ts";
import {
  OptionProblem,
  OptionsRefused,
  parseOf,
  type OptionTable,
  type OptionValues,
} from "#host/options.ts";
import { backendProblems } from "./backend-options.ts";
import { readEtcdPod } from "./objects/etcd-pod.ts";

const identityMax = 253;
/** Below, an answer that is late is late for good. */
const certificateLifeMinMs = 6_000;

/** Undefined: all. */
const namespaces = parseOf("names of namespaces, or * for all", (value) => {
  if (value === "*") return undefined;
  return [...new Set(list(value))].map((name) => {
    if (name === "*") throw new OptionProblem("has * beside names; write * alone, or names");
    return namespaceOf(name);
  });
});

const identityRange = `up to ${identityMax} letters, digits, dashes and dots`;
const identity = parseOf(identityRange, (value) => {
  if (value.length <= identityMax && /^[A-Za-z0-9]([-._\w]*[A-Za-z0-9])?$/.test(value))
    return value;
  throw new OptionProblem(`is no name: ${identityRange}`);
});

export const options = {
  kubeconfig: {
    env: "HOLDFAST_KUBECONFIG",
    default: undefined,
    defaultProse: "the pod's own service account",
    prose: "The kubeconfig of the cluster. Read again when it changes.",
    unit: "file",
    parse: file,
  },
  kubeContext: {
    env: "HOLDFAST_KUBE_CONTEXT",
    default: undefined,
    defaultProse: "the kubeconfig's current one",
    prose: "The context of the kubeconfig that is used.",
    unit: "name",
    parse: text,
  },
  namespace: {
    env: "HOLDFAST_NAMESPACE",
    default: "holdfast-system",
    prose: "The operator's own namespace: of its Lease, the Backend `default` and its Secrets.",
    unit: "name",
    parse: label,
  },
  namespaces: {
    env: "HOLDFAST_NAMESPACES",
    default: "*",
    prose: "The namespaces whose resources are served, separated by commas.",
    unit: "names or *",
    parse: namespaces,
  },
  installation: {
    env: "HOLDFAST_INSTALLATION",
    default: "holdfast",
    prose:
      "The name of this installation. With the cluster's id it owns etcd's spec tree: another one is refused there.",
    unit: "name",
    parse: label,
  },
  lease: {
    env: "HOLDFAST_LEASE",
    default: "holdfast-operator",
    prose: "The Lease by which one of several operators leads.",
    unit: "name",
    parse: label,
  },
  identity: {
    env: "HOLDFAST_IDENTITY",
    default: undefined,
    defaultProse: "host name and a random part",
    prose: "The name of this process in the Lease. No two processes may ever share it.",
    unit: "name",
    parse: identity,
  },
  sessionTtl: {
    env: "HOLDFAST_SESSION_TTL",
    default: "10s",
    prose:
      "The longest session of any sidecar. After etcd has begun anew nothing is granted for so long.",
    unit: "duration",
    parse: duration({ minMs: 3_000, maxMs: 600_000 }),
  },
  etcdEndpoints: {
    env: "HOLDFAST_ETCD_ENDPOINTS",
    default: undefined,
    defaultProse: "no Backend is made",
    prose:
      "Where etcd is; several, separated by commas. This and what begins with HOLDFAST_ETCD_ only makes the Backend `default` where it is missing: one that is there counts, whatever these say.",
    unit: "urls",
    parse: httpUrls,
  },
  etcdCaSecret: {
    env: "HOLDFAST_ETCD_CA_SECRET",
    default: undefined,
    prose:
      "The Secret of the operator's namespace with the authority of etcd's certificates (`ca.crt`): the Backend's `external.ca`.",
    unit: "name",
    parse: text,
  },
  etcdAdminSecret: {
    env: "HOLDFAST_ETCD_ADMIN_SECRET",
    default: undefined,
    prose:
      "The Secret of the operator's namespace with an admin of etcd (`tls.crt` and `tls.key`, or `username` and `password`): the Backend's `external.adminSecret`.",
    unit: "name",
    parse: text,
  },
  etcdPasswords: {
    env: "HOLDFAST_ETCD_PASSWORDS",
    default: "false",
    prose:
      "Whether each namespace gets a user in etcd, with a password: the Backend's `external.passwords`.",
    unit: "true|false",
    bare: "true",
    parse: flag,
  },
  etcdIssuerSecret: {
    env: "HOLDFAST_ETCD_ISSUER_SECRET",
    default: undefined,
    prose:
      "The Secret of the operator's namespace with an authority that etcd trusts for its clients (`tls.crt` and `tls.key`): the Backend's `external.issuer`.",
    unit: "name",
    parse: text,
  },
  etcdMaintenance: {
    env: "HOLDFAST_ETCD_MAINTENANCE",
    default: "false",
    prose:
      "Whether the leader compacts and defragments etcd, for an etcd that nobody else uses: the Backend's `external.maintenance`.",
    unit: "true|false",
    bare: "true",
    parse: flag,
  },
  etcdManaged: {
    env: "HOLDFAST_ETCD_MANAGED",
    default: "false",
    prose:
      "Whether the Backend `default` is an etcd that the operator runs, where it is made: its `managed`.",
    unit: "true|false",
    bare: "true",
    parse: flag,
  },
  etcdImage: {
    env: "HOLDFAST_ETCD_IMAGE",
    default: undefined,
    defaultProse: "none; an etcd that the operator is to run is not made",
    prose: "The image of an etcd that the operator runs; another one restarts it.",
    unit: "image",
    parse: text,
  },
  etcdPod: {
    env: "HOLDFAST_ETCD_POD",
    default: "{}",
    defaultProse: "what Kubernetes does without",
    prose:
      "What else its pod has, in the shapes of Kubernetes; another value restarts it. `resources` are the container's, with `cpu` and `memory`, and go before the Backend's `managed.resources`.",
    unit: "json",
    parse: readEtcdPod,
  },
  etcdStorage: {
    env: "HOLDFAST_ETCD_STORAGE",
    default: "8Gi",
    prose: "How large its volume is: the Backend's `managed.storage.size`.",
    unit: "size",
    parse: text,
  },
  etcdStorageClass: {
    env: "HOLDFAST_ETCD_STORAGE_CLASS",
    default: undefined,
    defaultProse: "the cluster's default",
    prose: "The StorageClass of its volume: the Backend's `managed.storage.className`.",
    unit: "name",
    parse: text,
  },
  etcdEphemeral: {
    env: "HOLDFAST_ETCD_EPHEMERAL",
    default: "false",
    prose:
      "Whether its data goes with its pod, to try things out: the Backend's `managed.storage.ephemeral`.",
    unit: "true|false",
    bare: "true",
    parse: flag,
  },
  service: {
    env: "HOLDFAST_SERVICE",
    default: "holdfast-operator",
    prose:
      "The Service that leads to all replicas: its names stand in the certificate that they show.",
    unit: "name",
    parse: label,
  },
  identityAddress: {
    env: "HOLDFAST_IDENTITY_ADDRESS",
    default: `:${String(ports.identity)}`,
    prose: "Where sidecars ask who they are, by TLS.",
    unit: addressUnit,
    parse: address,
  },
  webhookAddress: {
    env: "HOLDFAST_WEBHOOK_ADDRESS",
    default: `:${String(ports.webhooks)}`,
    prose: "Where the API server asks about pods that are to be made, by TLS.",
    unit: addressUnit,
    parse: address,
  },
  webhookConfiguration: {
    env: "HOLDFAST_WEBHOOK_CONFIGURATION",
    default: undefined,
    defaultProse: "none; whom the API server trusts is somebody else's to write",
    prose:
      "The MutatingWebhookConfiguration of the operator's webhooks, into which the leader writes whom the API server is to trust there (`caBundle`).",
    unit: "name",
    parse: text,
  },
  sidecarImage: {
    env: "HOLDFAST_SIDECAR_IMAGE",
    default: undefined,
    defaultProse: "none; pods that ask for a sidecar are refused, and told why",
    prose: "The image of the sidecars that pods get.",
    unit: "image",
    parse: text,
  },
  sidecarPullPolicy: {
    env: "HOLDFAST_SIDECAR_PULL_POLICY",
    default: "IfNotPresent",
    prose: "When a node pulls it.",
    unit: "policy",
    parse: choice(["Always", "IfNotPresent", "Never"]),
  },
  certificateLife: {
    env: "HOLDFAST_CERTIFICATE_LIFE",
    default: "24h",
    prose:
      "How long a sidecar's certificate for etcd is good. It asks for the next from a third of that on, so that it can do without the operator for two thirds.",
    unit: "duration",
    parse: duration({ minMs: certificateLifeMinMs, maxMs: 30 * 86_400_000 }),
  },
  healthAddress: {
    env: "HOLDFAST_HEALTH_ADDRESS",
    default: `:${String(ports.health)}`,
    prose: "Where /startupz, /livez, /readyz and /metrics are.",
    unit: addressUnit,
    parse: address,
  },
  ...logOptions,
} as const satisfies OptionTable;

export type OperatorOptions = OptionValues<typeof options>;

/** What no option can see alone. Throws OptionsRefused. */
export function checkTogether(values: OperatorOptions): void {
  const problems = backendProblems(values);
  if (values.kubeContext !== undefined && values.kubeconfig === undefined)
    problems.push(
      `${options.kubeContext.env}: is of no use without ${options.kubeconfig.env}, whose context it names`,
    );
  if (problems.length > 0) throw new OptionsRefused(problems.join("\n"));
}

function namespaceOf(name: string): string {
  try {
    return label(name);
  } catch (error) {
    if (!(error instanceof OptionProblem)) throw error;
    throw new OptionProblem(`: '${name}' ${error.message}`);
  }
}
