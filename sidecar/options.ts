/** The sidecar's options: each one here and nowhere else. `--help`, the messages and the reference page come from it. */
import { hostname } from "node:os";
import { ports } from "#api/names.ts";
import { address, addressUnit } from "#host/address.ts";
import { logFormats, logLevels } from "#host/log.ts";
import {
  choice,
  duration,
  file,
  flag,
  httpUrls,
  label,
  list,
  path,
  text,
} from "#host/option-kinds.ts";
import {
  flagOf,
  OptionProblem,
  OptionsRefused,
  type OptionTable,
  type OptionValues,
} from "#host/options.ts";

/** etcd grants no lease of less than 2 s, and lets one go up to 0.5 s late. */
const sessionTtl = { minMs: 3_000, maxMs: 600_000 };
const podBytesMax = 253;

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
  etcdEndpoints: {
    env: "HOLDFAST_ETCD_ENDPOINTS",
    default: "http://127.0.0.1:2379",
    prose: "Where etcd is; several, separated by commas.",
    unit: "urls",
    parse: httpUrls,
  },
  etcdCaFile: {
    env: "HOLDFAST_ETCD_CA_FILE",
    default: undefined,
    prose:
      "The authority that signed etcd's certificates (PEM), for https. Read again when it changes.",
    unit: "file",
    parse: file,
  },
  etcdCertFile: {
    env: "HOLDFAST_ETCD_CERT_FILE",
    default: undefined,
    prose: "The client certificate for etcd (PEM). Read again when it changes.",
    unit: "file",
    parse: file,
  },
  etcdKeyFile: {
    env: "HOLDFAST_ETCD_KEY_FILE",
    default: undefined,
    prose: "The key of the client certificate (PEM). Read again when it changes.",
    unit: "file",
    parse: file,
  },
  etcdUsername: {
    env: "HOLDFAST_ETCD_USERNAME",
    default: undefined,
    prose: "The user of etcd, where certificates do not name one.",
    unit: "name",
    parse: text,
  },
  etcdPasswordFile: {
    env: "HOLDFAST_ETCD_PASSWORD_FILE",
    default: undefined,
    prose: "The file with the user's password. Read again at each login.",
    unit: "file",
    parse: file,
  },
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
  readyNeedsEtcd: {
    env: "HOLDFAST_READY_NEEDS_ETCD",
    default: "false",
    prose:
      "Whether /readyz fails while etcd does not answer. One outage of etcd then empties every Service.",
    unit: "true|false",
    bare: "true",
    parse: flag,
  },
  logLevel: {
    env: "HOLDFAST_LOG_LEVEL",
    default: "info",
    prose: `The least level that is logged: ${logLevels.join(", ")}.`,
    unit: "level",
    parse: choice(logLevels),
  },
  logFormat: {
    env: "HOLDFAST_LOG_FORMAT",
    default: undefined,
    defaultProse: "text on a terminal, else json",
    prose: "How lines of the log are written: json or text.",
    unit: "json|text",
    parse: choice(logFormats),
  },
} as const satisfies OptionTable;

export type SidecarOptions = OptionValues<typeof options>;

/** What no option can see alone. Throws OptionsRefused. */
export function checkTogether(values: SidecarOptions): void {
  const problems: string[] = [];
  const both = (a: keyof typeof options, b: keyof typeof options) => {
    const [has, lacks] = values[a] === undefined ? [b, a] : [a, b];
    if (values[has] !== undefined && values[lacks] === undefined)
      problems.push(
        `${options[lacks].env}: is missing; ${options[has].env} is of no use without it (${flagOf(options[lacks])})`,
      );
  };
  both("etcdCertFile", "etcdKeyFile");
  both("etcdUsername", "etcdPasswordFile");
  const plain = values.etcdEndpoints.find((url) => url.startsWith("http://"));
  if (plain !== undefined && (values.etcdCaFile ?? values.etcdCertFile) !== undefined)
    problems.push(
      `${options.etcdEndpoints.env}: '${plain}' does not use the certificates that are given; write https://`,
    );
  if (problems.length > 0) throw new OptionsRefused(problems.join("\n"));
}

/** Two sidecars of one machine are two pods. */
export function defaultPod(): string {
  return `${hostname()}-${String(process.pid)}`.slice(-podBytesMax);
}

function podName(value: string): string {
  if (value.length <= podBytesMax && /^[A-Za-z0-9]([-.\w]*[A-Za-z0-9])?$/.test(value)) return value;
  throw new OptionProblem(
    `is no name: up to ${String(podBytesMax)} letters, digits, dashes and dots`,
  );
}

function hostNames(value: string): readonly string[] {
  const names = list(value);
  for (const name of names) {
    if (/[/:\s]/.test(name) && !/^\[[\da-fA-F:.]+\]$/.test(name))
      throw new OptionProblem(`: '${name}' is no host name; write it without scheme and port`);
  }
  return names;
}
