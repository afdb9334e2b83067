/** A JSON patch (RFC 6902), made over a pod whose parts may be missing: each is made where it is. */
export interface Operation {
  readonly op: "add" | "replace";
  readonly path: string;
  readonly value: unknown;
}

/** Sets each entry of a map that may not be there. */
export function setEntries(
  path: string,
  before: Readonly<Record<string, string>> | undefined,
  entries: Readonly<Record<string, string>>,
): Operation[] {
  const changed = Object.entries(entries).filter(([key, value]) => before?.[key] !== value);
  if (changed.length === 0) return [];
  if (before === undefined) return [{ op: "add", path, value: Object.fromEntries(changed) }];
  return changed.map(([key, value]) => ({ op: "add", path: `${path}/${escaped(key)}`, value }));
}

/** Puts an item into a list that may not be there. */
export function insert(
  { path, length }: { readonly path: string; readonly length: number | undefined },
  at: number | "end",
  value: unknown,
): Operation {
  if (length === undefined) return { op: "add", path, value: [value] };
  return { op: "add", path: `${path}/${at === "end" ? "-" : at}`, value };
}

export function replaceAt(path: string, at: number, value: unknown): Operation {
  return { op: "replace", path: `${path}/${at}`, value };
}

function escaped(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}
