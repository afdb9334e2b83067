/** The rules of dependency-cruiser, made from the table. */
import type { IRegularForbiddenRuleType } from "dependency-cruiser";
import type { Bound, Room, Table } from "./table.ts";

const literal = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
const oneOf = (names: readonly string[]): string => `(${names.map(literal).join("|")})`;
const nameOf = (entry: string | Bound): string => (typeof entry === "string" ? entry : entry.name);
const isBound = (entry: string | Bound): entry is Bound => typeof entry !== "string";

const nodePath = (names: readonly string[]): string => `^(node:)?${oneOf(names)}(/|$)`;
const packagePath = (names: readonly string[]): string => `^node_modules/${oneOf(names)}/`;

export function rulesOf(table: Table): IRegularForbiddenRuleType[] {
  return [noCycle, resolvable, ...Object.entries(table.rooms).flatMap(rulesOfRoom)];
}

/** Two files that only name each other's types are one thought in two files, not a cycle at run time. */
const noCycle: IRegularForbiddenRuleType = {
  name: "no-cycle",
  severity: "error",
  comment:
    "Files that need each other cannot be understood apart: move what both need into a third.",
  from: {},
  to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
};

const resolvable: IRegularForbiddenRuleType = {
  name: "resolvable",
  severity: "error",
  comment: "This import leads nowhere.",
  from: {},
  to: { couldNotResolve: true },
};

function rulesOfRoom([name, room]: readonly [string, Room]): IRegularForbiddenRuleType[] {
  const from = { path: `^${literal(name)}/` };
  const rule = (kind: string, comment: string, to: IRegularForbiddenRuleType["to"]) =>
    ({
      name: `${name}: ${kind}`,
      severity: "error",
      comment,
      from,
      to,
    }) as IRegularForbiddenRuleType;
  const rules: IRegularForbiddenRuleType[] = [
    rule(
      "crossing",
      "Between rooms write #core/store.ts, so that every crossing shows in the import line.",
      {
        path: "^[^/]+/",
        pathNot: [`^${literal(name)}/`, "^node_modules/", nodeBuiltIn],
        dependencyTypes: ["local"],
        dependencyTypesNot: ["aliased-subpath-import"],
      },
    ),
  ];
  if (!room.imports.includes("*")) {
    const allowed = oneOf([name, ...room.imports]);
    const comment = `${name}/ may import ${room.imports.join(", ") || "no other room"}: what it needs from outside it declares as a port.`;
    rules.push(
      rule("rooms", comment, {
        path: "^[^/]+/",
        pathNot: [`^${allowed}/`, "^node_modules/", nodeBuiltIn],
        dependencyTypesNot: ["core", "unknown"],
      }),
    );
  }
  rules.push(
    ...rulesOfNames({
      kind: "node",
      entries: room.node,
      room: name,
      path: nodePath,
      to: { dependencyTypes: ["core"] },
    }),
  );
  rules.push(
    ...rulesOfNames({
      kind: "packages",
      entries: room.packages,
      room: name,
      path: packagePath,
      to: { path: "^node_modules/" },
    }),
  );
  return rules;
}

/** `fs/promises` has the look of a folder. */
const nodeBuiltIn = "^(node:|[a-z0-9_]+/promises$|path/posix$|util/types$)";

interface Names {
  readonly kind: "node" | "packages";
  readonly entries: readonly (string | Bound)[];
  readonly room: string;
  readonly path: (names: readonly string[]) => string;
  /** What picks imports of this kind. */
  readonly to: IRegularForbiddenRuleType["to"];
}

function rulesOfNames({ kind, entries, room, path, to }: Names): IRegularForbiddenRuleType[] {
  if (entries.includes("*")) return [];
  const names = entries.map(nameOf);
  const comment = `${room}/ may import of ${kind}: ${names.join(", ") || "nothing"} (rooms.json).`;
  const outside: IRegularForbiddenRuleType = {
    name: `${room}: ${kind}`,
    severity: "error",
    comment,
    from: { path: `^${literal(room)}/` },
    to: { ...to, ...(names.length > 0 && { pathNot: path(names) }) },
  };
  const bound = entries.filter(isBound).map((entry): IRegularForbiddenRuleType => ({
    name: `${room}: ${entry.name} only in ${entry.only.join(", ")}`,
    severity: "error",
    comment: `${entry.name} is for ${entry.only.join(", ")} alone.`,
    from: { path: `^${literal(room)}/`, pathNot: `^${oneOf(entry.only)}(/|$)` },
    to: { ...to, path: path([entry.name]) },
  }));
  return [outside, ...bound];
}
