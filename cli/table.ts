/** Columns as wide as what stands in them, as kubectl shows them. */

export interface Column<Row> {
  readonly head: string;
  readonly of: (row: Row) => string;
  /** Only with -o wide. */
  readonly wide?: true;
}

const gap = "   ";
export const nothing = "-";

export function tableText<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  isWide: boolean,
): string {
  const shown = columns.filter(({ wide }) => isWide || wide !== true);
  const lines = [
    shown.map(({ head }) => head),
    ...rows.map((row) => shown.map(({ of }) => plain(of(row)))),
  ];
  const widths = shown.map((_, at) => Math.max(...lines.map((cells) => cells[at]?.length ?? 0)));
  return lines
    .map(
      (cells) =>
        `${cells
          .map((cell, at) => cell.padEnd(widths[at] ?? 0))
          .join(gap)
          .trimEnd()}\n`,
    )
    .join("");
}

/** What others chose as a name must not move the cursor of who looks at it. */
export function plain(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, "\u{fffd}");
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
/** So long it is told in the smaller unit, too, as kubectl does. */
const bothUnits = 10;

/** How long it lasts by now: `12s`, `3m5s`, `4h`, `2d`. A clock that is ahead counts as now. */
export function ageOf(since: string, nowMs: number): string {
  const ageMs = Math.max(0, nowMs - Date.parse(since));
  if (Number.isNaN(ageMs)) return nothing;
  if (ageMs < 2 * minuteMs) return `${Math.floor(ageMs / 1_000)}s`;
  if (ageMs < hourMs) return units(ageMs, [minuteMs, "m"], [1_000, "s"]);
  if (ageMs < 2 * dayMs) return units(ageMs, [hourMs, "h"], [minuteMs, "m"]);
  return units(ageMs, [dayMs, "d"], [hourMs, "h"]);
}

type Unit = readonly [lengthMs: number, sign: string];

function units(ms: number, [largeMs, large]: Unit, [smallMs, small]: Unit): string {
  const many = Math.floor(ms / largeMs);
  const few = Math.floor((ms % largeMs) / smallMs);
  return many >= bothUnits || few === 0 ? `${many}${large}` : `${many}${large}${few}${small}`;
}
