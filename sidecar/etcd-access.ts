/** How the options let us into etcd. */
import { readFileSync } from "node:fs";
import type { Log } from "#core/runtime.ts";
import type { Credentials } from "#etcd/credentials.ts";
import type { TlsFiles } from "#etcd/tls.ts";
import type { SidecarOptions } from "./options.ts";

/** Undefined: nothing of it is given. */
export function tlsFiles({
  etcdCaFile,
  etcdCertFile,
  etcdKeyFile,
}: SidecarOptions): TlsFiles | undefined {
  if (etcdCaFile === undefined && etcdCertFile === undefined) return undefined;
  return {
    ...(etcdCaFile === undefined ? {} : { ca: etcdCaFile }),
    ...(etcdCertFile === undefined ? {} : { cert: etcdCertFile }),
    ...(etcdKeyFile === undefined ? {} : { key: etcdKeyFile }),
  };
}

/** The password is read at each login, so that a changed one is used; one that cannot be read leaves the last. */
export function credentials(options: SidecarOptions, log: Log): Credentials | undefined {
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
