/** Which of the operator's rules its requests have used, by what the API server wrote down of them. */
import type { Permissions, Rule } from "#operator/permissions.ts";
import type { AuditedRequest } from "#tools/cluster/audit.ts";
import { operatorNamespace } from "./operator-role.ts";

interface Right {
  readonly group: string;
  readonly resource: string;
  readonly verb: string;
  /** One of them; undefined: any. */
  readonly names: readonly string[] | undefined;
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
    .map(({ verb, resource, names = [] }) => [where, verb, resource, ...names].join(" "));
}

function rightsOf({ apiGroups, resources, verbs, resourceNames }: Rule): Right[] {
  return apiGroups.flatMap((group) =>
    resources.flatMap((resource) =>
      verbs.map((verb) => ({ group, resource, verb, names: resourceNames })),
    ),
  );
}

function needs(request: AuditedRequest, { group, resource, verb, names }: Right): boolean {
  const same = request.group === group && request.resource === resource && request.verb === verb;
  return same && (names === undefined || names.includes(request.name));
}

/** Who makes an object by an apply needs the right to create it, too. */
function withCreation(request: AuditedRequest): AuditedRequest[] {
  return request.verb === "patch" && request.code === 201
    ? [request, { ...request, verb: "create" }]
    : [request];
}
