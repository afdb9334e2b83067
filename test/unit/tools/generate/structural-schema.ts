/**
 * Kubernetes' rules for schemas in a CRD, as far as our vocabulary could break them. What a fault is called here, the
 * API server refuses; its own check of these schemas stands in test/cluster.
 */
type Schema = Readonly<Record<string, unknown>>;

const types = new Set(["object", "array", "string", "integer", "number", "boolean"]);
/** What JSON Schema knows and a structural schema does not, or does only beside what we never write. */
const foreign = new Set(
  "$ref $defs $schema $id definitions anyOf oneOf allOf not const examples patternProperties additionalItems if then else dependencies deprecated".split(
    " ",
  ),
);
const known = new Set(
  "description type format properties required additionalProperties items enum default pattern minLength maxLength minimum maximum maxItems minItems maxProperties minProperties nullable x-kubernetes-validations x-kubernetes-list-type x-kubernetes-list-map-keys x-kubernetes-preserve-unknown-fields x-kubernetes-int-or-string".split(
    " ",
  ),
);

/** Each fault with its path; none: the schema is structural. */
export function structuralFaults(root: Schema): string[] {
  const faults: string[] = [];
  visit(root, "", faults);
  for (const name of ["apiVersion", "kind", "metadata"]) {
    const property = below(root, "properties")?.[name] as Schema | undefined;
    if (property?.["default"] !== undefined) faults.push(`.${name}: must not have a default`);
  }
  return faults;
}

function below(schema: Schema, name: string): Schema | undefined {
  return schema[name] as Schema | undefined;
}

function visit(schema: Schema, path: string, faults: string[]): void {
  const tell = (fault: string) => void faults.push(`${path}: ${fault}`);
  for (const key of Object.keys(schema)) {
    if (foreign.has(key)) tell(`'${key}' is not structural`);
    else if (!known.has(key)) tell(`'${key}' is not known`);
  }
  const type = schema["type"];
  if (typeof type !== "string" || !types.has(type)) tell("has no type");
  visitObject(schema, path, faults);
  visitList(schema, path, faults);
  visitPattern(schema, tell);
  if (schema["default"] !== undefined) {
    for (const fault of valueFaults(schema, schema["default"], path))
      faults.push(`default of ${fault}`);
  }
  visitRules(schema, tell);
}

function visitObject(schema: Schema, path: string, faults: string[]): void {
  const properties = below(schema, "properties");
  const additional = schema["additionalProperties"];
  if (properties !== undefined && additional !== undefined) {
    faults.push(`${path}: properties and additionalProperties exclude each other`);
  }
  if (schema["type"] !== "object" && (properties ?? additional) !== undefined) {
    faults.push(`${path}: only an object has properties`);
  }
  for (const name of (schema["required"] ?? []) as string[]) {
    if (properties?.[name] === undefined)
      faults.push(`${path}: requires '${name}', which it does not have`);
  }
  for (const [name, inner] of Object.entries(properties ?? {})) {
    visit(inner as Schema, `${path}.${name}`, faults);
  }
  if (typeof additional === "object") visit(additional as Schema, `${path}.*`, faults);
}

function visitList(schema: Schema, path: string, faults: string[]): void {
  const items = below(schema, "items");
  if ((schema["type"] === "array") !== (items !== undefined)) {
    faults.push(`${path}: an array has items, and nothing else does`);
  }
  if (items !== undefined) visit(items, `${path}[]`, faults);
  if (schema["x-kubernetes-list-type"] !== "map") return;
  for (const key of (schema["x-kubernetes-list-map-keys"] ?? []) as string[]) {
    const required = (items?.["required"] ?? []) as string[];
    if (!required.includes(key))
      faults.push(`${path}: its key '${key}' is not required in its items`);
  }
}

/** The API server's regular expressions are Go's: no lookaround, no back reference, no \u. */
function visitPattern(schema: Schema, tell: (fault: string) => void): void {
  const pattern = schema["pattern"];
  if (typeof pattern === "string" && /\(\?[=!<]|\\[1-9uUZ]/.test(pattern)) {
    tell(`Go cannot read the pattern ${pattern}`);
  }
}

function visitRules(schema: Schema, tell: (fault: string) => void): void {
  const rules = (schema["x-kubernetes-validations"] ?? []) as Schema[];
  for (const { rule, message, fieldPath } of rules) {
    if (typeof rule !== "string" || !rule.includes("self")) tell("a rule says nothing of self");
    if (typeof message !== "string" || message === "" || message.includes("\n")) {
      tell("a rule's message is one line");
    }
    const field = typeof fieldPath === "string" ? fieldPath.slice(1) : undefined;
    if (field !== undefined && below(schema, "properties")?.[field] === undefined) {
      tell(`a rule names the field '${field}', which it does not have`);
    }
    // The cost of a rule is estimated from the bounds of what it reads.
    if (
      schema["type"] === "string" &&
      schema["maxLength"] === undefined &&
      schema["enum"] === undefined
    ) {
      tell("a rule reads a text without bound");
    }
  }
}

/** A default must be valid by itself, all that it lacks filled in or optional. */
function valueFaults(schema: Schema, value: unknown, path: string): string[] {
  if (schema["enum"] !== undefined && !(schema["enum"] as unknown[]).includes(value)) {
    return [`${path}: is none of the choices`];
  }
  switch (schema["type"]) {
    case "string":
      return typeof value === "string" &&
        new RegExp((schema["pattern"] as string | undefined) ?? "").test(value)
        ? []
        : [`${path}: does not fit`];
    case "integer": {
      const least = (schema["minimum"] as number | undefined) ?? -Infinity;
      const most = (schema["maximum"] as number | undefined) ?? Infinity;
      return Number.isInteger(value) && (value as number) >= least && (value as number) <= most
        ? []
        : [`${path}: does not fit`];
    }
    case "boolean":
      return typeof value === "boolean" ? [] : [`${path}: does not fit`];
    case "object": {
      const properties = below(schema, "properties") ?? {};
      const required = (schema["required"] ?? []) as string[];
      const lacking = required.filter(
        (name) =>
          (value as Schema)[name] === undefined &&
          (properties[name] as Schema | undefined)?.["default"] === undefined,
      );
      const unknown = Object.keys(value as object).filter((name) => !(name in properties));
      return [...lacking, ...unknown].map((name) => `${path}: '${name}' is lacking or unknown`);
    }
    default:
      return [`${path}: has a default that nobody checks`];
  }
}
