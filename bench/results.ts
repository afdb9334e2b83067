/** What a run has found: kept as JSON, and shown as docs/performance.md. */
import { readFileSync, writeFileSync } from "node:fs";
import type { Compared } from "./compare.ts";
import type { Machine, Memory } from "./machine.ts";
import type { Many } from "./many.ts";
import { shownResults } from "./shown.ts";
import type { SidecarSize } from "./sidecar-size.ts";

const jsonFile = "bench/results/latest.json";
const page = "docs/performance.md";
const beginMark = "<!-- begin: made by `make bench` -->";
const endMark = "<!-- end: made by `make bench` -->";

export interface Results {
  readonly at: string;
  readonly machine: Machine;
  readonly node: string;
  readonly etcd: string;
  readonly options: { readonly seconds: number; readonly rounds: number };
  /** The machine's load average before and after. */
  readonly load: { readonly before: number; readonly after: number };
  readonly compared: readonly Compared[];
  readonly many: readonly Many[];
  readonly sidecarSize: SidecarSize;
  /** After all comparisons, before `many`. */
  readonly memory: Readonly<Record<"sidecar" | "etcd", Memory>>;
}

export function keep(results: Results): void {
  writeFileSync(jsonFile, `${JSON.stringify(results, rounded, 2)}\n`);
  const text = readFileSync(page, "utf8");
  const begin = text.indexOf(beginMark);
  const end = text.indexOf(endMark);
  if (begin < 0 || end < begin) throw new Error(`${page} has lost its marks: ${beginMark}`);
  const made = `${beginMark}\n\n${shownResults(results)}\n\n`;
  writeFileSync(page, text.slice(0, begin) + made + text.slice(end));
}

function rounded(_key: string, value: unknown): unknown {
  return typeof value === "number" ? Number(value.toPrecision(4)) : value;
}
