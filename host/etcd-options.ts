/** How a process is let into etcd: its options, and what they come to. */
import { readFileSync } from "node:fs";
import type { Log } from "#core/runtime.ts";
import { file, httpUrls, text } from "./option-kinds.ts";
import { flagOf, type OptionTable, type OptionValues } from "./options.ts";

export const etcdOptions = {
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
} as const satisfies OptionTable;

export type EtcdOptions = OptionValues<typeof etcdOptions>;

/** PEM files, read again when they change. */
export interface EtcdFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface EtcdUser {
  readonly user: string;
  /** Asked at each login. */
  readonly password: string;
}

/** What no option can see alone, one sentence each. */
export function etcdProblems(values: EtcdOptions): string[] {
  const problems: string[] = [];
  const both = (a: keyof typeof etcdOptions, b: keyof typeof etcdOptions) => {
    const [has, lacks] = values[a] === undefined ? [b, a] : [a, b];
    if (values[has] !== undefined && values[lacks] === undefined)
      problems.push(
        `${etcdOptions[lacks].env}: is missing; ${etcdOptions[has].env} is of no use without it (${flagOf(etcdOptions[lacks])})`,
      );
  };
  both("etcdCertFile", "etcdKeyFile");
  both("etcdUsername", "etcdPasswordFile");
  const plain = values.etcdEndpoints.find((url) => url.startsWith("http://"));
  if (plain !== undefined && (values.etcdCaFile ?? values.etcdCertFile) !== undefined)
    problems.push(
      `${etcdOptions.etcdEndpoints.env}: '${plain}' does not use the certificates that are given; write https://`,
    );
  return problems;
}

/** Undefined: nothing of it is given. */
export function tlsFiles({
  etcdCaFile,
  etcdCertFile,
  etcdKeyFile,
}: EtcdOptions): EtcdFiles | undefined {
  if (etcdCaFile === undefined && etcdCertFile === undefined) return undefined;
  return {
    ...(etcdCaFile === undefined ? {} : { ca: etcdCaFile }),
    ...(etcdCertFile === undefined ? {} : { cert: etcdCertFile }),
    ...(etcdKeyFile === undefined ? {} : { key: etcdKeyFile }),
  };
}

/** The password is read at each login, so that a changed one is used; one that cannot be read leaves the last. */
export function credentials(options: EtcdOptions, log: Log): EtcdUser | undefined {
  const { etcdUsername: user, etcdPasswordFile: file } = options;
  if (user === undefined || file === undefined) return undefined;
  let last = "";
  return {
    user,
    get password() {
      try {
        last = readFileSync(file, "utf8").replace(/\r?\n$/, "");
      } catch (error) {
        log.warn("the password for etcd cannot be read; the last one is used", { file, error });
      }
      return last;
    },
  };
}
