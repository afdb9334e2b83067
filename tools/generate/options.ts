/** `docs/reference/options.md`: what a process can be told from outside, made from its table of options. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { flagOf, type OptionTable } from "#host/options.ts";
import type { Made } from "./made.ts";
import { code, page, table } from "./markdown.ts";

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
    if (sections.length > 0) sections.push("");
    sections.push(`## ${program}`, "", tableOf(options));
    sources.push(file);
  }
  if (sections.length === 0) return new Map();
  const lines = [
    "# Options",
    "",
    "Each is an environment variable or the flag of the same name; the flag goes first. A value that is out of range ends the process at once, and the message names the option; so does a flag that is none of these.",
    "",
    ...sections,
  ];
  return new Map([["docs/reference/options.md", page(sources.join(" and "), lines)]]);
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
  const rows = Object.values(options).map((option) => [
    code(option.env),
    code(flagOf(option)),
    option.unit,
    option.parse.range ?? "–",
    option.defaultProse ?? (option.default === undefined ? "–" : code(option.default)),
    option.prose,
  ]);
  return table(["variable", "flag", "value", "range", "default", "what"], rows).join("\n");
}
