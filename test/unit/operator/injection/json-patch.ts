/** A JSON patch applied as the API server does it: strictly, so that a path that leads nowhere is an error. */
import type { Operation } from "#operator/injection/patch.ts";

type Node = Record<string, unknown> | unknown[];

/** Of the value nothing is changed: a copy is. */
export function applied<T>(value: T, patch: readonly Operation[]): T {
  const copy = structuredClone(value);
  for (const { op, path, value: part } of patch) {
    const keys = path.split("/").slice(1).map(unescaped);
    const last = keys.pop();
    if (last === undefined) throw new Error("a patch of the whole document");
    const parent = keys.reduce<Node>((node, key) => childOf(node, key, path), copy as Node);
    if (Array.isArray(parent)) setItem(parent, last, { op, path, value: structuredClone(part) });
    else if (op === "replace" && !(last in parent)) throw new Error(`nothing at ${path}`);
    else parent[last] = structuredClone(part);
  }
  return copy;
}

function setItem(list: unknown[], key: string, { op, path, value }: Operation): void {
  const at = key === "-" ? list.length : Number(key);
  const most = op === "add" ? list.length : list.length - 1;
  if (!Number.isInteger(at) || at < 0 || at > most) throw new Error(`no place at ${path}`);
  list.splice(at, op === "add" ? 0 : 1, value);
}

function childOf(node: Node, key: string, path: string): Node {
  const child = Array.isArray(node) ? node[Number(key)] : node[key];
  if (typeof child !== "object" || child === null) throw new Error(`nothing above ${path}`);
  return child as Node;
}

function unescaped(key: string): string {
  return key.replaceAll("~1", "/").replaceAll("~0", "~");
}
