/** The results of a run as a part of docs/performance.md. */
import { verdicts } from "./budgets.ts";
import type { Compared, Figures, Level, Ratios } from "./compare.ts";
import { comparisons } from "./comparisons.ts";
import type { Many, Sizes } from "./many.ts";
import type { Results } from "./results.ts";
import type { SidecarSize } from "./sidecar-size.ts";
import type { Spread } from "./statistics.ts";

export function shownResults(results: Results): string {
  const { compared, many, sidecarSize: size, machine, options, load } = results;
  const conditions = `${results.at.slice(0, 10)}, ${machine.cores} cores (${machine.cpu}), ${machine.memoryGib} GiB, Linux ${machine.kernel}, Node ${results.node}, etcd ${results.etcd}; ${options.rounds} rounds of ${options.seconds} s a side; load average ${load.before} before, ${load.after} after.`;
  const judged = verdicts(compared, size).map(({ budget, found, kept }) => {
    return [budget, found, kept ? "kept" : "**missed**"];
  });
  return [
    conditions,
    "## Budgets",
    table([["budget", "found", ""], ...judged]),
    ...compared.flatMap(comparisonText),
    "## Very many",
    manyText(many),
    "## Memory and start",
    sizeTable(size, results.memory),
  ].join("\n\n");
}

function comparisonText({ title, levels }: Compared): string[] {
  const {
    about = "",
    sides = [],
    requestsPerSecond,
  } = comparisons.find((one) => one.title === title) ?? {};
  const what = requestsPerSecond === undefined ? "pairs/s" : "requests/s";
  const names = [...new Set(levels.flatMap((level) => level.sides.flatMap(cpuNames)))];
  const head = ["callers", "side", what, "p50 ms", "p90 ms", "p99 ms"];
  const rows = levels.flatMap((level) => level.sides.map((side) => row(level, side, names)));
  const over = `${sides[0] ?? ""} over`;
  return [
    `## ${title}`,
    about,
    table([[...head, ...names.map((name) => `${name} µs`)], ...rows]),
    table([
      ["callers", over, what, "etcd's CPU for each", "p90"],
      ...levels.flatMap(({ callers, ratios }) => ratios.map((each) => ratioRow(callers, each))),
    ]),
  ];
}

const cpuNames = ({ cpuUs }: Figures): string[] => Object.keys(cpuUs);

function row({ callers }: Level, figures: Figures, names: readonly string[]): string[] {
  const { side, perSecond, p50Ms, p90Ms, p99Ms, cpuUs } = figures;
  const cpu = (name: string) => {
    const spread = cpuUs[name];
    return spread === undefined ? "–" : shown(spread, 0);
  };
  const times = [p50Ms, p90Ms, p99Ms].map((each) => shown(each, 2));
  return [String(callers), side, shown(perSecond, 0), ...times, ...names.map(cpu)];
}

function ratioRow(callers: number, { over, speed, etcdCpu, p90Ms }: Ratios): string[] {
  return [
    String(callers),
    over,
    `${shown(speed, 2)} ×`,
    etcdCpu === undefined ? "–" : `${shown(etcdCpu, 2)} ×`,
    `${shown(p90Ms, 2)} ms more`,
  ];
}

function manyText(many: readonly Many[]): string {
  const head = ["what", "in", "out", "sidecars, RSS", "etcd, RSS", "keys of locks"];
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
  const through = (sizes: readonly Sizes[], of: (one: Sizes) => string) =>
    sizes.map(of).join(" → ");
  const rows = many.map(({ title, count, inMs, outMs, before, at, after }) => {
    const all = [before, at, after];
    return [
      `${count.toLocaleString("en")} ${title}`,
      ...[seconds(inMs), seconds(outMs)],
      `${through(all, (one) => one.sidecarsMib.toFixed(0))} MiB`,
      `${through(all, (one) => one.etcdMib.toFixed(0))} MiB`,
      through(all, (one) => String(one.keys)),
    ];
  });
  return [
    "Four sidecars together. In: until all are held, or all wait; out: until all are given back, or each was served and has given back. Memory before, then, and after it.",
    table([head, ...rows]),
  ].join("\n\n");
}

function sizeTable(size: SidecarSize, memory: Results["memory"]): string {
  const { starts } = size;
  return table([
    ["memory, start", "", ""],
    ["idle sidecar, RSS", `${shown(size.idleRssMib, 1)} MiB`, `${starts} starts`],
    ["of it not the mapped program of Node", `${shown(size.idleOwnMib, 0)} MiB`, ""],
    ["Node with `net`, RSS", `${size.bareNodeRssMib} MiB`, "the least possible"],
    [
      "sidecar after the comparisons, RSS",
      `${memory.sidecar.rssMib} MiB`,
      `at most ${memory.sidecar.peakMib}`,
    ],
    [
      "etcd after the comparisons, RSS",
      `${memory.etcd.rssMib} MiB`,
      `at most ${memory.etcd.peakMib}`,
    ],
    ["sidecar ready after", `${shown(size.readyMs, 0)} ms`, `${starts} starts`],
    ["bundle", `${size.bundleKib} KiB`, "one file"],
  ]);
}

/** The median, and from where to where the rounds went. */
function shown({ median, min, max }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}

/** The first row is the head. Columns are padded, as Prettier has them. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(3, ...rows.map((cells) => cells[at]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = rows;
  const rule = widths.map((width) => "-".repeat(width));
  return [line(head), line(rule), ...body.map(line)].join("\n");
}
