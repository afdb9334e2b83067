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
}

/** Undefined: none is made. */
export function defaultBackend(options: BackendOptions): BackendSpecInput | undefined {
  const { etcdEndpoints: endpoints, etcdCaSecret: ca, etcdAdminSecret: admin } = options;
  const { etcdIssuerSecret: issuer } = options;
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

/** Where each field of the spec comes from. */
const variables = {
  "external.endpoints": "HOLDFAST_ETCD_ENDPOINTS",
  "external.ca": "HOLDFAST_ETCD_CA_SECRET",
  "external.adminSecret": "HOLDFAST_ETCD_ADMIN_SECRET",
  "external.passwords": "HOLDFAST_ETCD_PASSWORDS",
  "external.issuer": "HOLDFAST_ETCD_ISSUER_SECRET",
  "external.maintenance": "HOLDFAST_ETCD_MAINTENANCE",
} as const;

/** What would make no valid Backend, one sentence each. */
export function backendProblems(options: BackendOptions): string[] {
  const spec = defaultBackend(options);
  if (spec === undefined) {
    const { etcdCaSecret, etcdAdminSecret, etcdIssuerSecret } = options;
    const { etcdPasswords, etcdMaintenance } = options;
    const secrets = [etcdCaSecret, etcdAdminSecret, etcdIssuerSecret];
    const given = secrets.some((one) => one !== undefined);
    return given || etcdPasswords || etcdMaintenance
      ? ["HOLDFAST_ETCD_ENDPOINTS: is missing; the other HOLDFAST_ETCD_ are of no use without it"]
      : [];
  }
  const read = parseBackendSpec(spec, "spec");
  if (read.ok) return [];
  return read.problems.map((problem) => `${variableOf(problem.field)}${describeProblem(problem)}`);
}

function variableOf(field: string): string {
  const found = Object.entries(variables).find(([start]) => field.startsWith(`spec.${start}`));
  return found === undefined ? "" : `${found[1]}: would make a Backend whose `;
}
