/** Every source file and what it imports, as dependency-cruiser sees it; types count, too. */
import { existsSync } from "node:fs";
import { cruise, type ICruiseResult, type IFlattenedRuleSet } from "dependency-cruiser";
import { rulesOf } from "./rules.ts";
import type { Table } from "./table.ts";

export async function graphOf(table: Table): Promise<ICruiseResult> {
  const rooms = Object.keys(table.rooms).filter((room) => existsSync(room));
  const ruleSet: IFlattenedRuleSet = { forbidden: rulesOf(table) };
  const result = await cruise(rooms, {
    validate: true,
    ruleSet,
    tsPreCompilationDeps: true,
    // The examples name the client as its users do.
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: {
      extensions: [".ts", ".mjs", ".js", ".json"],
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
    },
  });
  if (typeof result.output === "string")
    throw new Error(`dependency-cruiser answered with text: ${result.output}`);
  return result.output;
}
