/** The operator's own account in a cluster, with what operator/permissions.ts grants and nothing else. */
import { writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import path from "node:path";
import { clusterRules, ownRules, servedRules, type Rule } from "#operator/permissions.ts";
import type { LightCluster } from "#tools/cluster/light/light-cluster.ts";

export const operatorNamespace = "holdfast-system";
const name = "holdfast-operator";
const rbac = "rbac.authorization.k8s.io";

/** Makes namespace, account and roles; the path of a kubeconfig that comes with the account's token. */
export async function operatorKubeconfig(
  cluster: LightCluster,
  served?: readonly string[],
): Promise<string> {
  const everywhere = served === undefined ? servedRules : [];
  const objects = [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: operatorNamespace } },
    { apiVersion: "v1", kind: "ServiceAccount", metadata: inNamespace(operatorNamespace) },
    ...granted([...clusterRules, ...everywhere]),
    ...granted(ownRules(name), operatorNamespace),
    ...(served ?? []).flatMap((namespace) => granted(servedRules, namespace)),
  ];
  const list = { apiVersion: "v1", kind: "List", items: objects };
  await cluster.kubectl.run(["apply", "--server-side", "-f", "-"], JSON.stringify(list));
  const token = await cluster.kubectl.run([
    ...["create", "token", name, "-n", operatorNamespace, "--duration=4h"],
  ]);
  const file = path.join(cluster.folder, `operator-${served?.join("-") ?? "all"}.kubeconfig`);
  await writeFile(file, configText(cluster, token.trim()), { mode: 0o600 });
  return file;
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

function configText(cluster: LightCluster, token: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "operator",
    contexts: [{ name: "operator", context: { cluster: "light", user: "operator" } }],
    clusters: [
      {
        name: "light",
        cluster: {
          server: cluster.url,
          "certificate-authority-data": readFileSync(cluster.admin.ca).toString("base64"),
        },
      },
    ],
    users: [{ name: "operator", user: { token } }],
  });
}
