/** Which of the operator's rules its requests have used, by what the API server wrote down of them. */
import type { Permissions, Rule } from "#operator/permissions.ts";
import type { AuditedRequest } from "#tools/cluster/audit.ts";
import { operatorNamespace } from "./operator-role.ts";

interface Right {
  readonly group: string;
  readonly resource: string;
  readonly verb: string;
  /** Undefined: any. */
  readonly name: string | undefined;
}

/** Each right that no request needed: one verb on one resource, in words. Empty: all were. */
export function unusedRights(
  permissions: Permissions,
  served: readonly string[] | undefined,
  requests: readonly AuditedRequest[],
): string[] {
  const allowed = requests.filter(({ code }) => code !== 403).flatMap(withCreation);
  const inNamespaces = (names: readonly string[]): AuditedRequest[] =>
    allowed.filter(({ namespace }) => names.includes(namespace));
  return [
    ...unused("cluster", permissions.cluster, allowed),
    ...unused("own", permissions.own, inNamespaces([operatorNamespace])),
    ...unused("served", permissions.served, inNamespaces(served ?? [])),
  ];
}

function unused(
  where: string,
  rules: readonly Rule[],
  requests: readonly AuditedRequest[],
): string[] {
  return rules
    .flatMap(rightsOf)
    .filter((right) => !requests.some((request) => needs(request, right)))
    .map(({ verb, resource, name = "" }) => [where, verb, resource, name].join(" ").trim());
}

function rightsOf({ apiGroups, resources, verbs, resourceNames }: Rule): Right[] {
  const names: readonly (string | undefined)[] = resourceNames ?? [undefined];
  return apiGroups.flatMap((group) =>
    resources.flatMap((resource) =>
      verbs.flatMap((verb) => names.map((name) => ({ group, resource, verb, name }))),
    ),
  );
}

function needs(request: AuditedRequest, { group, resource, verb, name }: Right): boolean {
  const same = request.group === group && request.resource === resource && request.verb === verb;
  return same && (name === undefined || request.name === name);
}

/** Who makes an object by an apply needs the right to create it, too. */
function withCreation(request: AuditedRequest): AuditedRequest[] {
  return request.verb === "patch" && request.code === 201
    ? [request, { ...request, verb: "create" }]
    : [request];
}
