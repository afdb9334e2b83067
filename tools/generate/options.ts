/** `docs/reference/options.md`: what a process can be told from outside, made from its table of options. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { flagOf, type OptionTable } from "#host/options.ts";
import { headOf, type Made } from "./made.ts";

/** Each exports its table as `options`. One that is not there yet has no page. */
const tables = [
  { program: "The sidecar", file: "sidecar/options.ts" },
  { program: "The operator", file: "operator/options.ts" },
];
const projectFolder = join(import.meta.dirname, "../..");

export async function makeOptions(): Promise<Made> {
  const sections: string[] = [];
  const sources: string[] = [];
  for (const { program, file } of tables) {
    const path = join(projectFolder, file);
    if (!(await exists(path))) continue;
    const { options } = (await import(path)) as { readonly options: OptionTable };
    sections.push(`## ${program}\n\n${tableOf(options)}\n`);
    sources.push(file);
  }
  if (sections.length === 0) return new Map();
  const page = `<!-- ${headOf(sources.join(" and "))} -->

# Options

Each is an environment variable or the flag of the same name; the flag goes first.

${sections.join("\n")}`;
  return new Map([["docs/reference/options.md", page]]);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

export function tableOf(options: OptionTable): string {
  const rows = Object.values(options).map((option) => {
    const absent =
      option.defaultProse ?? (option.default === undefined ? "–" : `\`${option.default}\``);
    const cells = [`\`${option.env}\``, `\`${flagOf(option)}\``, option.unit, absent, option.prose];
    return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  });
  return [
    "| variable | flag | takes | default | what |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}
