/** From method and path to an operation: the patterns of the table, looked up by their number of segments. */
import type { Method } from "./operation.ts";
import { operations, type OperationId } from "./operations.ts";

export type Route =
  /** `values`: the raw segments that stand for the pattern's `{names}`, in their order. */
  | { readonly kind: "operation"; readonly id: OperationId; readonly values: readonly string[] }
  | { readonly kind: "notFound" }
  | { readonly kind: "methodNotAllowed"; readonly allow: readonly Method[] };

interface Pattern {
  /** undefined: any segment. */
  readonly segments: readonly (string | undefined)[];
  readonly ids: ReadonlyMap<string, OperationId>;
  readonly allow: readonly Method[];
}

const byLength = patternsByLength();
const segmentsMax = Math.max(...byLength.keys());
const notFound: Route = { kind: "notFound" };

function patternsByLength(): ReadonlyMap<number, readonly Pattern[]> {
  const byPath = Map.groupBy(Object.values(operations), ({ path }) => path);
  const patterns = Array.from(byPath, ([path, those]): Pattern => ({
    segments: path
      .slice(1)
      .split("/")
      .map((segment) => (segment.startsWith("{") ? undefined : segment)),
    ids: new Map(those.map(({ method, id }) => [method, id])),
    allow: those.map(({ method }) => method),
  }));
  return Map.groupBy(patterns, ({ segments }) => segments.length);
}

/** `path` is raw, as it stood in the request line before any `?`. */
export function route(method: string, path: string): Route {
  if (!path.startsWith("/")) return notFound;
  const segments = path.slice(1).split("/", segmentsMax + 1);
  for (const pattern of byLength.get(segments.length) ?? []) {
    const values = valuesOf(pattern, segments);
    if (values === undefined) continue;
    const id = pattern.ids.get(method);
    if (id === undefined) return { kind: "methodNotAllowed", allow: pattern.allow };
    return { kind: "operation", id, values };
  }
  return notFound;
}

function valuesOf(pattern: Pattern, segments: readonly string[]): string[] | undefined {
  const values: string[] = [];
  for (let at = 0; at < segments.length; at++) {
    const segment = segments[at] ?? "";
    const expected = pattern.segments[at];
    if (expected === undefined) values.push(segment);
    else if (expected !== segment) return undefined;
  }
  return values;
}
