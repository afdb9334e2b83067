/** What a run has found: kept as JSON, and shown as the tables of docs/performance.md. */
import { readFileSync, writeFileSync } from "node:fs";
import type { Level, LockPairs, Side } from "./lock-pairs.ts";
import type { Machine } from "./machine.ts";
import type { SidecarSize } from "./sidecar-size.ts";
import type { Spread } from "./statistics.ts";

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
  readonly lockPairs: LockPairs;
  readonly sidecarSize: SidecarSize;
}

/** What the project promises itself. */
const budgets = {
  callers: 256,
  ratioMin: 1.5,
  etcdCpuRatioMax: 0.4,
  idleRssMibMax: 60,
  readyMsMax: 250,
} as const;

export function keep(results: Results): void {
  writeFileSync(jsonFile, `${JSON.stringify(results, rounded, 2)}\n`);
  const text = readFileSync(page, "utf8");
  const begin = text.indexOf(beginMark);
  const end = text.indexOf(endMark);
  if (begin < 0 || end < begin) throw new Error(`${page} has lost its marks: ${beginMark}`);
  const made = `${beginMark}\n\n${tables(results)}\n\n`;
  writeFileSync(page, text.slice(0, begin) + made + text.slice(end));
}

function rounded(_key: string, value: unknown): unknown {
  return typeof value === "number" ? Number(value.toPrecision(4)) : value;
}

export function tables(results: Results): string {
  const { lockPairs, sidecarSize: size, machine, options, load } = results;
  const conditions = `${results.at.slice(0, 10)}, ${machine.cores} cores (${machine.cpu}), ${machine.memoryGib} GiB, Linux ${machine.kernel}, Node ${results.node}, etcd ${results.etcd}; ${options.rounds} rounds of ${options.seconds} s a side; load average ${load.before} before, ${load.after} after.`;
  return [
    conditions,
    table([
      ["callers", "side", "pairs/s", "p50 ms", "p99 ms", "client µs", "sidecar µs", "etcd µs"],
      ...lockPairs.levels.flatMap((level) => [row(level, "sidecar"), row(level, "v3lock")]),
    ]),
    table([
      ["callers", "pairs/s, sidecar / v3lock", "etcd's CPU a pair, sidecar / v3lock"],
      ...lockPairs.levels.map(({ callers, ratio, etcdCpuRatio }) => [
        String(callers),
        `${shown(ratio, 2)} ×`,
        `${shown(etcdCpuRatio, 2)} ×`,
      ]),
    ]),
    table([
      ["memory, start", "", ""],
      ["idle sidecar, RSS", `${shown(size.idleRssMib, 1)} MiB`, `${size.starts} starts`],
      ["of it not the mapped program of Node", `${shown(size.idleOwnMib, 0)} MiB`, ""],
      ["Node with `net`, RSS", `${size.bareNodeRssMib} MiB`, "the least possible"],
      [
        "sidecar after the run, RSS",
        `${lockPairs.memory.sidecar.rssMib} MiB`,
        `at most ${lockPairs.memory.sidecar.peakMib}`,
      ],
      [
        "etcd after the run, RSS",
        `${lockPairs.memory.etcd.rssMib} MiB`,
        `at most ${lockPairs.memory.etcd.peakMib}`,
      ],
      ["sidecar ready after", `${shown(size.readyMs, 0)} ms`, `${size.starts} starts`],
      ["bundle", `${size.bundleKib} KiB`, "one file"],
    ]),
    table([["budget", "found", ""], ...verdicts(results)]),
  ].join("\n\n");
}

function row({ callers, sides }: Level, side: Side): string[] {
  const { pairsPerSecond, p50Ms, p99Ms, cpuUs } = sides[side];
  const cpu = (name: string) => {
    const spread = cpuUs[name];
    return spread === undefined ? "–" : shown(spread, 0);
  };
  return [
    String(callers),
    side,
    shown(pairsPerSecond, 0),
    shown(p50Ms, 2),
    shown(p99Ms, 2),
    ...[cpu("client"), cpu("sidecar"), cpu("etcd")],
  ];
}

/** Each budget, what was found, and whether it is kept: by the medians. */
export function verdicts({ lockPairs, sidecarSize: size }: Results): string[][] {
  const most = lockPairs.levels.find(({ callers }) => callers === budgets.callers);
  const said = (kept: boolean): string => (kept ? "kept" : "**missed**");
  const { ratioMin, etcdCpuRatioMax, idleRssMibMax, readyMsMax, callers } = budgets;
  const ofPairs =
    most === undefined
      ? []
      : [
          [
            `pairs/s at ${callers} callers ≥ ${ratioMin} × v3lock`,
            `${most.ratio.median.toFixed(2)} ×`,
            said(most.ratio.median >= ratioMin),
          ],
          [
            `etcd's CPU a pair at ${callers} callers ≤ ${etcdCpuRatioMax} × v3lock`,
            `${most.etcdCpuRatio.median.toFixed(2)} ×`,
            said(most.etcdCpuRatio.median <= etcdCpuRatioMax),
          ],
        ];
  return [
    ...ofPairs,
    [
      `idle RSS of the sidecar ≤ ${idleRssMibMax} MiB`,
      `${size.idleRssMib.median.toFixed(1)} MiB`,
      said(size.idleRssMib.median <= idleRssMibMax),
    ],
    [
      `ready ≤ ${readyMsMax} ms after the start`,
      `${size.readyMs.median.toFixed(0)} ms`,
      said(size.readyMs.median <= readyMsMax),
    ],
  ];
}

/** The median, and from where to where the rounds went. */
function shown({ median, min, max }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}

/** The first row is the head. Columns are padded, as Prettier has them. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(3, ...rows.map((cells) => cells[at]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = rows;
  const rule = widths.map((width) => "-".repeat(width));
  return [line(head), line(rule), ...body.map(line)].join("\n");
}
