/** `crds/`: the kinds of `api/resources` as Kubernetes takes them. */
import { stringify } from "yaml";
import { group, version } from "#api/names.ts";
import type { ResourceKind } from "#api/resources/kind.ts";
import { kinds } from "#api/resources/kinds.ts";
import { crossRulesOf } from "./cel.ts";
import { schemaOf, structural, type Schema } from "./json-schema.ts";
import { headOf, kebab, type Made } from "./made.ts";

export function makeCrds(): Promise<Made> {
  const files = kinds.map((kind): [string, string] => [
    `crds/${group}_${kind.plural}.yaml`,
    `# ${headOf(`api/resources/${kebab(kind.kind)}.ts`)}\n${yamlOf(crdOf(kind))}`,
  ]);
  return Promise.resolve(new Map(files));
}

function yamlOf(document: object): string {
  return stringify(document, { lineWidth: 0, aliasDuplicateObjects: false });
}

export function crdOf(kind: ResourceKind): object {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${kind.plural}.${group}` },
    spec: {
      group,
      names: {
        kind: kind.kind,
        listKind: `${kind.kind}List`,
        plural: kind.plural,
        singular: kind.singular,
        shortNames: kind.shortNames,
        categories: ["holdfast"],
      },
      scope: "Namespaced",
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: kind.columns.map(({ name, type, jsonPath, about }) => ({
            name,
            type,
            jsonPath,
            description: about,
          })),
          schema: { openAPIV3Schema: rootSchema(kind) },
        },
      ],
    },
  };
}

function rootSchema(kind: ResourceKind): Schema {
  return {
    description: kind.about,
    type: "object",
    required: ["spec"],
    properties: {
      apiVersion: { type: "string", description: `Always ${group}/${version}.` },
      kind: { type: "string", description: `Always ${kind.kind}.` },
      metadata: { type: "object" },
      spec: { ...schemaOf(kind.spec, structural), "x-kubernetes-validations": crossRulesOf(kind) },
      status: schemaOf(kind.status, structural),
    },
  };
}
