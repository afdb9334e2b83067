/** The sidecar's options: each one here and nowhere else. `--help`, the messages and the reference page come from it. */
import { hostname } from "node:os";
import { ports } from "#api/names.ts";
import { address, addressUnit } from "#host/address.ts";
import { etcdOptions, etcdProblems } from "#host/etcd-options.ts";
import { logOptions } from "#host/log-options.ts";
import { duration, flag, folder, httpUrls, label, list, path, text } from "#host/option-kinds.ts";
import {
  OptionProblem,
  OptionsRefused,
  parseOf,
  type OptionTable,
  type OptionValues,
} from "#host/options.ts";

/** etcd grants no lease of less than 2 s, and lets one go up to 0.5 s late. */
const sessionTtl = { minMs: 3_000, maxMs: 600_000 };
const podBytesMax = 253;

const podRange = `up to ${String(podBytesMax)} letters, digits, dashes and dots`;
const podName = parseOf(podRange, (value) => {
  if (value.length <= podBytesMax && /^[A-Za-z0-9]([-.\w]*[A-Za-z0-9])?$/.test(value)) return value;
  throw new OptionProblem(`is no name: ${podRange}`);
});

const hostNames = parseOf("host names without scheme and port", (value) => {
  const names = list(value);
  for (const name of names) {
    if (/[/:\s]/.test(name) && !/^\[[\da-fA-F:.]+\]$/.test(name))
      throw new OptionProblem(`: '${name}' is no host name; write it without scheme and port`);
  }
  return names;
});

const operatorUrl = parseOf("https:// with host and port", (value) => {
  const [url, ...more] = httpUrls(value);
  if (url === undefined || more.length > 0) throw new OptionProblem("names more than one");
  if (!url.startsWith("https://"))
    throw new OptionProblem("is not https: the token would be anybody's to read");
  return new URL(url);
});

const certificates = parseOf("certificates as PEM", (value) => {
  if (/-----BEGIN CERTIFICATE-----/.test(value)) return value;
  throw new OptionProblem("holds no certificate as PEM");
});

export const options = {
  namespace: {
    env: "HOLDFAST_NAMESPACE",
    default: "default",
    prose: "The namespace whose locks are served.",
    unit: "name",
    parse: label,
  },
  pod: {
    env: "HOLDFAST_POD",
    default: undefined,
    defaultProse: "host name and process id",
    prose: "The name under which observers see this sidecar. No two running ones may share it.",
    unit: "name",
    parse: podName,
  },
  node: {
    env: "HOLDFAST_NODE",
    default: undefined,
    defaultProse: "not told",
    prose: "The node that this pod runs on, for the operator to show.",
    unit: "name",
    parse: podName,
  },
  resources: {
    env: "HOLDFAST_RESOURCES",
    default: undefined,
    prose:
      "A file or folder of YAML: standalone mode. It is watched, and changes apply in place. Unset: resources come from etcd, where an operator puts them.",
    unit: "path",
    parse: path,
  },
  stateFolder: {
    env: "HOLDFAST_STATE_FOLDER",
    default: undefined,
    prose:
      "A folder of this sidecar's own, such as the volume of its pod: resources that came from etcd are copied there, and known by that copy when the sidecar restarts while etcd is down. Takes up to 6 MiB.",
    unit: "folder",
    parse: folder,
  },
  identity: {
    env: "HOLDFAST_IDENTITY",
    default: undefined,
    defaultProse: "etcd's options say how it is reached",
    prose:
      "The operator that gives this sidecar its identity: from its answer come etcd's endpoints, authority and a certificate or password, whatever etcd's options say. Kept in the state folder, and renewed.",
    unit: "url",
    parse: operatorUrl,
  },
  identityTrust: {
    env: "HOLDFAST_IDENTITY_TRUST",
    default: undefined,
    prose:
      "Who signed what the operator shows, for the first time: each answer carries the next ones.",
    unit: "PEM",
    parse: certificates,
  },
  identityToken: {
    env: "HOLDFAST_IDENTITY_TOKEN",
    default: undefined,
    prose:
      "The file with the pod's projected token for the audience holdfast.dev/identity. Read again each time that the operator is asked.",
    unit: "file",
    parse: text,
  },
  identityWait: {
    env: "HOLDFAST_IDENTITY_WAIT",
    default: "60s",
    prose:
      "How long a sidecar without an identity asks for one; then it ends, and says at which step it failed.",
    unit: "duration",
    parse: duration({ minMs: 1_000, maxMs: 600_000 }),
  },
  terminationLog: {
    env: "HOLDFAST_TERMINATION_LOG",
    default: "/dev/termination-log",
    prose: "Where it then says so, if the file is there: Kubernetes shows it as the reason.",
    unit: "file",
    parse: text,
  },
  ...etcdOptions,
  etcdMaintenance: {
    env: "HOLDFAST_ETCD_MAINTENANCE",
    default: "false",
    prose: "Whether this process compacts and defragments etcd: for the one that started it.",
    unit: "true|false",
    bare: "true",
    parse: flag,
  },
  httpAddress: {
    env: "HOLDFAST_HTTP_ADDRESS",
    default: `localhost:${String(ports.http)}`,
    prose:
      "Where the HTTP API listens. localhost is every loopback family that exists; port 0 picks a free one.",
    unit: addressUnit,
    parse: address,
  },
  healthAddress: {
    env: "HOLDFAST_HEALTH_ADDRESS",
    default: `:${String(ports.health)}`,
    prose: "Where /startupz, /livez, /readyz and /metrics are.",
    unit: addressUnit,
    parse: address,
  },
  allowedHosts: {
    env: "HOLDFAST_ALLOWED_HOSTS",
    default: undefined,
    prose:
      "Host names besides localhost under which the HTTP API may be called, separated by commas: for a compose file.",
    unit: "names",
    parse: hostNames,
  },
  sessionTtl: {
    env: "HOLDFAST_SESSION_TTL",
    default: "10s",
    prose: "How long locks stay held after this process is gone without a word.",
    unit: "duration",
    parse: duration(sessionTtl),
  },
  appEndsFirst: {
    env: "HOLDFAST_APP_ENDS_FIRST",
    default: "false",
    prose:
      "Whether all callers have ended when this process is asked to end (SIGTERM), as the kubelet has it for a sidecar among the init containers behind which none comes that ends by itself. Then every lock is released, those whose holders were promised more time after 5s, when no container of the pod can run any more; else these stay held that long.",
    unit: "true|false",
    bare: "true",
    parse: flag,
  },
  admin: {
    env: "HOLDFAST_ADMIN",
    default: "false",
    prose:
      "Whether callers of this sidecar may force a release where a pool says `admin: Annotated`. In Kubernetes set by the pod's annotation holdfast.dev/admin: enabled.",
    unit: "true|false",
    bare: "true",
    parse: flag,
  },
  readyNeedsEtcd: {
    env: "HOLDFAST_READY_NEEDS_ETCD",
    default: "false",
    prose:
      "Whether /readyz fails while etcd does not answer. One outage of etcd then empties every Service.",
    unit: "true|false",
    bare: "true",
    parse: flag,
  },
  ...logOptions,
} as const satisfies OptionTable;

export type SidecarOptions = OptionValues<typeof options>;

/** What no option can see alone. Throws OptionsRefused. */
export function checkTogether(values: SidecarOptions): void {
  const problems = etcdProblems(values);
  if (values.stateFolder !== undefined && values.resources !== undefined) {
    problems.push(
      `${options.stateFolder.env}: is for resources that come from etcd; with ${options.resources.env} they are read from files. Leave one of them out.`,
    );
  }
  problems.push(...identityProblems(values));
  if (problems.length > 0) throw new OptionsRefused(problems.join("\n"));
}

function identityProblems(values: SidecarOptions): string[] {
  const { identity, identityTrust, identityToken, stateFolder, resources } = values;
  const without = (name: "identity" | "identityTrust" | "identityToken" | "stateFolder") =>
    `${options[name].env}: is missing; ${options.identity.env} is of no use without it`;
  if (identity === undefined) {
    const given = identityTrust ?? identityToken;
    return given === undefined
      ? []
      : [
          `${options.identity.env}: is missing; the other HOLDFAST_IDENTITY_ are of no use without it`,
        ];
  }
  return [
    ...(identityTrust === undefined ? [without("identityTrust")] : []),
    ...(identityToken === undefined ? [without("identityToken")] : []),
    ...(stateFolder === undefined && resources === undefined ? [without("stateFolder")] : []),
    ...(resources === undefined
      ? []
      : [
          `${options.identity.env}: is for resources that come from etcd. Leave it out, or ${options.resources.env}.`,
        ]),
    ...((values.etcdCertFile ?? values.etcdUsername) === undefined
      ? []
      : [
          `${options.identity.env}: brings what etcd is to be shown. Leave out ${options.etcdCertFile.env} and ${options.etcdUsername.env}.`,
        ]),
  ];
}

/** Two sidecars of one machine are two pods. */
export function defaultPod(): string {
  return `${hostname()}-${String(process.pid)}`.slice(-podBytesMax);
}
