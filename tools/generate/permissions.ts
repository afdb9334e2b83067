/** `docs/reference/permissions.md`: what the operator may do in a cluster and why, made from its permissions. */
import { options } from "#operator/options.ts";
import { permissionsOf, type Rule } from "#operator/permissions.ts";
import { headOf, type Made } from "./made.ts";

const source = "operator/permissions.ts";

export function makePermissions(): Promise<Made> {
  const names = { lease: options.lease.default, webhookConfiguration: "holdfast" };
  const all = permissionsOf({ ...names, namespaces: undefined });
  const some = permissionsOf({ ...names, namespaces: ["a", "b"] });
  const page = `<!-- ${headOf(source)} -->

# What the operator may do

These rules are all that it is granted. Its tests run under them, and fail where a request is forbidden and where a rule is not used.
Of pods of other namespaces it only reads lists, and there is no right on their Secrets, nor to write what users write, but for the Backend
\`default\`. Whoever may read Secrets in the operator's namespace may read the passwords of all namespaces in etcd:
[what separates namespaces](../operations/isolation.md).

## Where all namespaces are served

\`HOLDFAST_NAMESPACES=*\`, the default.

In the whole cluster (a ClusterRole):

${tableOf(all.cluster)}

In the operator's own namespace (a Role):

${tableOf(all.own)}

## Where some namespaces are served

\`HOLDFAST_NAMESPACES=a,b\`. Resources of other namespaces are not seen, and get no status; a user in etcd that was made for a namespace
which is served no more stays.

In the whole cluster (a ClusterRole):

${tableOf(some.cluster)}

In the operator's own namespace (a Role):

${tableOf(some.own)}

In each namespace that is served (a Role):

${tableOf(some.served)}
`;
  return Promise.resolve(new Map([["docs/reference/permissions.md", page]]));
}

function tableOf(rules: readonly Rule[]): string {
  const rows = rules.map(({ why, apiGroups, resources, resourceNames = [], verbs }) => {
    const group = apiGroups.map((one) => (one === "" ? "core" : one)).join(", ");
    const named = resourceNames.map((name) => `\`${name}\``).join(", ");
    const what = `${resources.map((one) => `\`${one}\``).join(", ")} of ${group}`;
    return `| ${what}${named === "" ? "" : `, named ${named}`} | ${verbs.join(", ")} | ${why} |`;
  });
  return ["| what | verbs | why |", "| --- | --- | --- |", ...rows].join("\n");
}
