/** The operator's own account in a cluster, with what operator/permissions.ts grants and nothing else. */
import { writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import path from "node:path";
import { permissionsOf, type Rule } from "#operator/permissions.ts";
import type { LightCluster } from "#tools/cluster/light/light-cluster.ts";

export const operatorNamespace = "holdfast-system";
export const operatorName = "holdfast-operator";
const name = operatorName;
/** Their configuration, where a test makes one. */
export const operatorWebhooks = "holdfast";
/** As the API server knows it. */
export const operatorUser = `system:serviceaccount:${operatorNamespace}:${name}`;
const rbac = "rbac.authorization.k8s.io";

/** What is granted where `served` are served; undefined: all. */
export const operatorPermissions = (served?: readonly string[]) =>
  permissionsOf({ lease: name, namespaces: served, webhookConfiguration: operatorWebhooks });

/** Its namespace, itself, and its roles. */
export function operatorAccount(served?: readonly string[]): readonly object[] {
  const permissions = operatorPermissions(served);
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: operatorNamespace } },
    { apiVersion: "v1", kind: "ServiceAccount", metadata: inNamespace(operatorNamespace) },
    ...granted(permissions.cluster),
    ...granted(permissions.own, operatorNamespace),
    ...(served ?? []).flatMap((namespace) => granted(permissions.served, namespace)),
  ];
}

/** Makes namespace, account and roles; the path of a kubeconfig that comes with the account's token. */
export async function operatorKubeconfig(
  cluster: LightCluster,
  served?: readonly string[],
): Promise<string> {
  const list = { apiVersion: "v1", kind: "List", items: operatorAccount(served) };
  await cluster.kubectl.run(["apply", "--server-side", "-f", "-"], JSON.stringify(list));
  const token = await operatorToken(cluster);
  const file = path.join(cluster.folder, `operator-${served?.join("-") ?? "all"}.kubeconfig`);
  const ca = { "certificate-authority-data": readFileSync(cluster.admin.ca).toString("base64") };
  await writeFile(file, configText({ server: cluster.url, ...ca }, { token }), { mode: 0o600 });
  return file;
}

/** Of the operator's account. `secret`: it is worth nothing once this Secret of the operator's namespace is gone. */
export async function operatorToken(cluster: LightCluster, secret?: string): Promise<string> {
  const bound = secret === undefined ? [] : boundTo(secret);
  const create = ["create", "token", name, "-n", operatorNamespace, "--duration=4h"];
  return (await cluster.kubectl.run([...create, ...bound])).trim();
}

const boundTo = (secret: string) => ["--bound-object-kind=Secret", `--bound-object-name=${secret}`];

export interface KubeconfigFiles {
  readonly kubeconfig: string;
  /** As a pod has them. */
  readonly token: string;
  readonly ca: string;
}

/** A kubeconfig whose token and authority are files, found at `server`; for an account that is there. */
export async function kubeconfigOfFiles(
  cluster: LightCluster,
  { server, called, token }: { server: string; called: string; token: string },
): Promise<KubeconfigFiles> {
  const at = (ending: string): string => path.join(cluster.folder, `${called}.${ending}`);
  const files = { kubeconfig: at("kubeconfig"), token: at("token"), ca: at("ca.crt") };
  const provider = { name: "tokenFile", config: { tokenFile: files.token } };
  await writeFile(files.token, token);
  await writeFile(files.ca, readFileSync(cluster.admin.ca));
  const entry = { server, "certificate-authority": files.ca };
  await writeFile(files.kubeconfig, configText(entry, { "auth-provider": provider }));
  return files;
}

function granted(rules: readonly Rule[], namespace?: string): object[] {
  const scope = namespace === undefined ? "Cluster" : "";
  const metadata = namespace === undefined ? { name } : inNamespace(namespace);
  return [
    {
      apiVersion: `${rbac}/v1`,
      kind: `${scope}Role`,
      metadata,
      rules: rules.map(({ why: _why, ...rule }) => rule),
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: `${scope}RoleBinding`,
      metadata,
      roleRef: { apiGroup: rbac, kind: `${scope}Role`, name },
      subjects: [{ kind: "ServiceAccount", name, namespace: operatorNamespace }],
    },
  ];
}

const inNamespace = (namespace: string) => ({ name, namespace });

function configText(cluster: object, user: object): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "operator",
    contexts: [{ name: "operator", context: { cluster: "light", user: "operator" } }],
    clusters: [{ name: "light", cluster }],
    users: [{ name: "operator", user }],
  });
}
