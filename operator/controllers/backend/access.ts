/** From a Backend's spec and the Secrets that it names to what a connection needs. */
import type { BackendSpec } from "#api/resources/backend.ts";
import type { SecretsRead } from "../../conditions/backend-facts.ts";
import type { AdminAccess, AdminTls } from "../../etcd-admin/connection.ts";
import type { Api } from "../../kube/api.ts";
import { get } from "../../kube/calls.ts";
import { isRefused, reasonText } from "../../kube/errors.ts";
import { etcdEndpoint, etcdNames, type Installation } from "../../objects/installation.ts";
import { bytesIn, secrets as resource } from "../../kube/secrets.ts";

export type AccessRead =
  | { readonly kind: "read"; readonly access: AdminAccess }
  | Exclude<SecretsRead, { readonly kind: "read" }>;

export interface Reading {
  readonly api: Api;
  readonly namespace: string;
  readonly signal: AbortSignal;
}

type Entries = ReturnType<typeof bytesIn>;
type SecretRead = { readonly kind: "read"; readonly entries: Entries } | Failed;
type Failed = Exclude<SecretsRead, { readonly kind: "read" }>;

/** An etcd that we run is reached like any other: by the Secret that was made for its admin. */
export function managedAccess(installation: Installation): NonNullable<BackendSpec["external"]> {
  const name = etcdNames(installation).adminSecret;
  return {
    endpoints: [etcdEndpoint(installation)],
    ca: { name, key: "ca.crt" },
    adminSecret: { name },
    ...{ passwords: false, maintenance: true },
  };
}

export async function readAccess(
  external: NonNullable<BackendSpec["external"]>,
  reading: Reading,
): Promise<AccessRead> {
  const { endpoints, ca, adminSecret } = external;
  let tls: AdminTls = {};
  if (ca !== undefined) {
    const field = "spec.external.ca";
    const read = await readSecret(ca.name, field, reading);
    if (read.kind !== "read") return read;
    const text = read.entries[ca.key];
    if (text === undefined)
      return missing(`The Secret '${ca.name}' of ${field}.name has no key '${ca.key}'.`);
    tls = { ca: text };
  }
  if (adminSecret === undefined) return { kind: "read", access: { endpoints, tls } };
  const field = "spec.external.adminSecret";
  const read = await readSecret(adminSecret.name, field, reading);
  if (read.kind !== "read") return read;
  const { username, password, "tls.crt": cert, "tls.key": key } = read.entries;
  if (cert !== undefined && key !== undefined) tls = { ...tls, cert, key };
  if (username !== undefined && password !== undefined) {
    const credentials = { user: username.toString().trim(), password: password.toString() };
    return { kind: "read", access: { endpoints, tls, credentials } };
  }
  if (tls.cert !== undefined) return { kind: "read", access: { endpoints, tls } };
  return missing(
    `The Secret '${adminSecret.name}' of ${field}.name has neither tls.crt and tls.key nor username and password.`,
  );
}

const missing = (what: string): Failed => ({ kind: "missing", what });

async function readSecret(name: string, field: string, reading: Reading): Promise<SecretRead> {
  const { api, namespace, signal } = reading;
  const read = await get({ api, resource, signal }, { namespace, name });
  if (read.kind === "done") return { kind: "read", entries: bytesIn(read.value["data"]) };
  const where = `The Secret '${name}' of ${field}.name`;
  if (isRefused(read, "notFound"))
    return missing(`${where} is not there, in namespace '${namespace}'.`);
  return { kind: "unread", what: `${where} could not be read: ${reasonText(read)}` };
}

/** Two of the same mark may share a connection. */
export function markOf({ endpoints, tls, credentials }: AdminAccess): string {
  const { ca, cert, key } = tls;
  return JSON.stringify([endpoints, [ca, cert, key].map(String), credentials]);
}
