/** The options that make the Backend `default` where it is missing, said as its spec: nothing of them is said elsewhere. */
import { describeProblem } from "#api/fields/read.ts";
import { parseBackendSpec, type BackendSpecInput } from "#api/resources/backend.ts";

export interface BackendOptions {
  readonly etcdEndpoints: readonly string[] | undefined;
  readonly etcdCaSecret: string | undefined;
  readonly etcdAdminSecret: string | undefined;
  readonly etcdPasswords: boolean;
  readonly etcdMaintenance: boolean;
  readonly etcdIssuerSecret: string | undefined;
  readonly etcdManaged: boolean;
  readonly etcdStorage: string;
  readonly etcdStorageClass: string | undefined;
  readonly etcdEphemeral: boolean;
}

/** Undefined: none is made. */
export function defaultBackend(options: BackendOptions): BackendSpecInput | undefined {
  const { etcdEndpoints: endpoints, etcdCaSecret: ca, etcdAdminSecret: admin } = options;
  const { etcdIssuerSecret: issuer } = options;
  if (options.etcdManaged) return managedBackend(options);
  if (endpoints === undefined) return undefined;
  return {
    type: "etcd",
    external: {
      endpoints,
      ...(ca !== undefined && { ca: { name: ca } }),
      ...(admin !== undefined && { adminSecret: { name: admin } }),
      passwords: options.etcdPasswords,
      ...(issuer !== undefined && { issuer: { name: issuer } }),
      maintenance: options.etcdMaintenance,
    },
  };
}

function managedBackend(options: BackendOptions): BackendSpecInput {
  const { etcdStorage: size, etcdStorageClass: className, etcdEphemeral: ephemeral } = options;
  const storage = { size, ephemeral, ...(className !== undefined && { className }) };
  return { type: "etcd", managed: { storage } };
}

/** Where each field of the spec comes from. */
const variables = {
  "external.endpoints": "HOLDFAST_ETCD_ENDPOINTS",
  "external.ca": "HOLDFAST_ETCD_CA_SECRET",
  "external.adminSecret": "HOLDFAST_ETCD_ADMIN_SECRET",
  "external.passwords": "HOLDFAST_ETCD_PASSWORDS",
  "external.issuer": "HOLDFAST_ETCD_ISSUER_SECRET",
  "external.maintenance": "HOLDFAST_ETCD_MAINTENANCE",
  "managed.storage.size": "HOLDFAST_ETCD_STORAGE",
  "managed.storage.className": "HOLDFAST_ETCD_STORAGE_CLASS",
  "managed.storage.ephemeral": "HOLDFAST_ETCD_EPHEMERAL",
} as const;

/** What would make no valid Backend, one sentence each. */
export function backendProblems(options: BackendOptions): string[] {
  const stray = strayOptions(options);
  if (stray !== undefined) return [stray];
  const spec = defaultBackend(options);
  if (spec === undefined) return [];
  const read = parseBackendSpec(spec, "spec");
  if (read.ok) return [];
  return read.problems.map((problem) => `${variableOf(problem.field)}${describeProblem(problem)}`);
}

/** What says something of an etcd that is not made. */
function strayOptions(options: BackendOptions): string | undefined {
  const { etcdEndpoints, etcdCaSecret, etcdAdminSecret, etcdPasswords, etcdMaintenance } = options;
  const { etcdManaged, etcdStorageClass, etcdEphemeral, etcdIssuerSecret } = options;
  const ofExternal =
    [etcdCaSecret, etcdAdminSecret, etcdIssuerSecret].some((one) => one !== undefined) ||
    etcdPasswords ||
    etcdMaintenance;
  if (etcdManaged && (etcdEndpoints !== undefined || ofExternal))
    return "HOLDFAST_ETCD_MANAGED: stands beside what says where another etcd is; use one of the two";
  if (etcdEndpoints === undefined && ofExternal)
    return "HOLDFAST_ETCD_ENDPOINTS: is missing; the other HOLDFAST_ETCD_ are of no use without it";
  if (!etcdManaged && (etcdStorageClass !== undefined || etcdEphemeral))
    return "HOLDFAST_ETCD_MANAGED: is not true; HOLDFAST_ETCD_STORAGE_CLASS and _EPHEMERAL are of no use without it";
  return undefined;
}

function variableOf(field: string): string {
  const found = Object.entries(variables).find(([start]) => field.startsWith(`spec.${start}`));
  return found === undefined ? "" : `${found[1]}: would make a Backend whose `;
}
