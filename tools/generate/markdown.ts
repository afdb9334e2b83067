/** What the generated pages are made of. */
import { headOf } from "./made.ts";

/** `sources` are paths, joined by "and". */
export function page(sources: string, lines: readonly string[]): string {
  return `<!-- ${headOf(sources)} -->\n\n${lines.join("\n")}\n`;
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}

export function code(text: string): string {
  return `\`${text}\``;
}
