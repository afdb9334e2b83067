/**
 * `make rooms`: every import, judged by rooms.json. `--write` draws the rooms into docs/architecture.md instead,
 * `--check` says whether that drawing is fresh.
 */
import process from "node:process";
import { graphOf } from "./rooms/graph.ts";
import { pictureFile, pictureIsFresh, writePicture } from "./rooms/picture.ts";
import { rulesOf } from "./rooms/rules.ts";
import { readTable } from "./rooms/table.ts";

async function main(flags: readonly string[]): Promise<number> {
  const table = readTable();
  if (flags.includes("--write")) {
    await writePicture(table);
    return 0;
  }
  if (flags.includes("--check")) {
    if (await pictureIsFresh(table)) return 0;
    console.error(`${pictureFile} does not show rooms.json as it is. Run: make generate`);
    return 1;
  }
  const { summary } = await graphOf(table);
  const comments = new Map(rulesOf(table).map((rule) => [rule.name, rule.comment]));
  for (const violation of summary.violations) {
    const via =
      violation.cycle === undefined
        ? ""
        : ` → ${violation.cycle.map((step) => step.name).join(" → ")}`;
    console.error(
      `${violation.from} → ${violation.to}${via}\n    ${violation.rule.name}: ${comments.get(violation.rule.name) ?? ""}`,
    );
  }
  console.log(
    `${summary.totalCruised} files, ${summary.totalDependenciesCruised ?? 0} imports, ${summary.violations.length} wrong.`,
  );
  return summary.violations.length === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
