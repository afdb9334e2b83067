/** What a CRD forbids, one entry each: `DistributedLock spec.permits maximum`. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";

interface Node {
  readonly type?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly required?: readonly string[];
  readonly "x-kubernetes-validations"?: readonly { readonly message: string }[];
}

interface Crd {
  readonly spec: {
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Node } }[];
  };
}

const keywords = [
  ...["enum", "pattern", "minLength", "maxLength", "minimum", "maximum"],
  ...["minItems", "maxItems", "minProperties", "maxProperties"],
];

/** Of all kinds in crds/. */
export function allConstraints(): string[] {
  return readdirSync("crds").flatMap((file) => {
    const crd = parse(readFileSync(path.join("crds", file), "utf8")) as Crd;
    const all = crd.spec.versions.flatMap(({ schema }) =>
      constraintsOf(schema.openAPIV3Schema, ""),
    );
    return all.map((constraint) => `${crd.spec.names.kind} ${constraint}`);
  });
}

function constraintsOf(node: Node, place: string): string[] {
  const below = (name: string): string => (place === "" ? name : `${place}.${name}`);
  return [
    ...keywords.filter((keyword) => keyword in node).map((keyword) => `${place} ${keyword}`),
    ...(node.type === "string" && node.format !== undefined ? [`${place} format`] : []),
    ...(node.required ?? []).map((name) => `${below(name)} required`),
    ...(node["x-kubernetes-validations"] ?? []).map(({ message }) => `${place} rule: ${message}`),
    ...Object.entries(node.properties ?? {}).flatMap(([name, child]) =>
      constraintsOf(child, below(name)),
    ),
    ...(node.items === undefined ? [] : constraintsOf(node.items, `${place}[]`)),
  ];
}
