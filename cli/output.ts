/** What a command that looks prints: a table, a wide one, JSON as the sidecar answered it, or names alone. */
import type { Call, Flag } from "./command.ts";
import { tableText, type Column } from "./table.ts";

const forms = ["json", "wide", "name"] as const;

export const outputFlag: Flag = {
  name: "output",
  short: "o",
  value: forms.join("|"),
  kind: forms,
  unset: "a table",
  prose: "json: what the sidecar answered; wide: a table with all columns; name: names alone.",
};

/** Of a command whose answer is no table. */
export const jsonFlag: Flag = {
  name: "output",
  short: "o",
  value: "json",
  kind: ["json"],
  unset: "text for people",
  prose: "json: what the sidecar answered.",
};

export interface Shown<Row> {
  readonly answer: unknown;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly names: readonly string[];
  /** Said on standard error where a table would be empty. */
  readonly none: string;
}

export function show<Row>({ flags, io }: Call, shown: Shown<Row>): void {
  const form = flags.text("output");
  if (form === "json") io.out(`${JSON.stringify(shown.answer, undefined, 2)}\n`);
  else if (form === "name") io.out(shown.names.map((name) => `${name}\n`).join(""));
  else if (shown.rows.length === 0) io.err(`${shown.none}\n`);
  else io.out(tableText(shown.columns, shown.rows, form === "wide"));
}
