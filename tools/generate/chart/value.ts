/**
 * What a value of the chart is, said once: its default, what it is for, and which values it takes. From it come values.yaml,
 * the schema by which helm refuses others, and the table of the README.
 */
export type Schema = Readonly<Record<string, unknown>>;

export interface Leaf {
  readonly about: string;
  readonly default: unknown;
  readonly schema: Schema;
}

export interface Branch {
  readonly about: string;
  readonly fields: Fields;
}

export type Fields = Readonly<Record<string, Leaf | Branch>>;

export const isBranch = (value: Leaf | Branch): value is Branch => "fields" in value;

export function branch(about: string, fields: Fields): Branch {
  return { about, fields };
}

export function flag(about: string, otherwise: boolean): Leaf {
  return { about, default: otherwise, schema: { type: "boolean" } };
}

export function whole(
  about: string,
  otherwise: number,
  { min, max }: { readonly min: number; readonly max: number },
): Leaf {
  return { about, default: otherwise, schema: { type: "integer", minimum: min, maximum: max } };
}

export function text(about: string, otherwise: string, more: Schema = {}): Leaf {
  return { about, default: otherwise, schema: { type: "string", ...more } };
}

export function choice(about: string, otherwise: string, values: readonly string[]): Leaf {
  return { about, default: otherwise, schema: { type: "string", enum: values } };
}

export function list(about: string, items: Schema, more: Schema = {}): Leaf {
  return { about, default: [], schema: { type: "array", items, ...more } };
}

/** Texts by their names: labels, annotations. */
export function texts(about: string, otherwise: Readonly<Record<string, string>> = {}): Leaf {
  const schema = { type: "object", additionalProperties: { type: "string" } };
  return { about, default: otherwise, schema };
}

/** Handed on as it is: the API server knows what it may hold. */
export function handedOn(about: string, otherwise: object = {}): Leaf {
  const schema = Array.isArray(otherwise)
    ? { type: "array", items: { type: "object" } }
    : { type: "object" };
  return { about, default: otherwise, schema };
}

/** One line a value: its path, its default as JSON, what it is for. */
export function rowsOf(fields: Fields, before = ""): string[][] {
  return Object.entries(fields).flatMap(([name, value]) =>
    isBranch(value)
      ? rowsOf(value.fields, `${before}${name}.`)
      : [[`\`${before}${name}\``, `\`${JSON.stringify(value.default)}\``, value.about]],
  );
}

/** Everything that is not named is refused. */
export function schemaOf(fields: Fields): Schema {
  const properties = Object.entries(fields).map(([name, value]) => [
    name,
    isBranch(value)
      ? { description: value.about, ...schemaOf(value.fields) }
      : { description: value.about, ...value.schema },
  ]);
  return {
    type: "object",
    additionalProperties: false,
    properties: Object.fromEntries(properties) as Schema,
  };
}

const widthMax = 110;

/** Each value below what it is for. */
export function yamlOf(fields: Fields, depth = 0): string {
  const indent = "  ".repeat(depth);
  const blocks = Object.entries(fields).map(([name, value]) => {
    const about = wrapped(value.about, widthMax - indent.length)
      .map((line) => `${indent}# ${line}\n`)
      .join("");
    return isBranch(value)
      ? `${about}${indent}${name}:\n${yamlOf(value.fields, depth + 1)}`
      : `${about}${indent}${name}:${written(value.default, depth + 1)}\n`;
  });
  return blocks.join(depth === 0 ? "\n" : "");
}

/** JSON on a line, as YAML takes it; what holds something is written below. */
function written(value: unknown, depth: number): string {
  const isFilled = typeof value === "object" && value !== null && Object.keys(value).length > 0;
  if (!isFilled || Array.isArray(value)) return ` ${JSON.stringify(value)}`;
  const indent = "  ".repeat(depth);
  return Object.entries(value)
    .map(([name, inner]) => `\n${indent}${name}:${written(inner, depth + 1)}`)
    .join("");
}

function wrapped(about: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of about.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
