/** The lines of a history that show something, for people. */
import type { Event } from "../history/event.ts";
import type { History } from "../history/history.ts";
import type { Violation } from "../checks/violation.ts";

const linesMax = 16;
const violationsMax = 5;

/** Of those attempts, in the order of time. */
export function shownBy({ events }: History, ops: readonly string[]): string[] {
  const of = events.filter((event) => "op" in event && ops.includes(event.op));
  const startNs = events[0]?.atNs ?? 0;
  const lines = of.map((event) => lineOf(event, startNs));
  const left = lines.length - linesMax;
  // How it began, and how it ended.
  return left <= 0
    ? lines
    : [...lines.slice(0, linesMax / 2), `… ${left} more …`, ...lines.slice(-linesMax / 2)];
}

/** What is wrong, each with its lines; of many the first. */
export function told(history: History, violations: readonly Violation[]): string {
  const shown = violations.slice(0, violationsMax).map(({ rule, what, ops }) => {
    const lines = shownBy(history, ops).map((line) => `    ${line}`);
    return [`${rule}: ${what}`, ...lines].join("\n");
  });
  const left = violations.length - shown.length;
  return [...shown, ...(left > 0 ? [`… and ${left} more`] : [])].join("\n");
}

function lineOf({ atNs, by, kind, ...fields }: Event, startNs: number): string {
  const second = (ns: number): string => ((ns - startNs) / 1e9).toFixed(4);
  const told = Object.entries(fields).map(([name, value]) =>
    name.endsWith("Ns")
      ? `${name.slice(0, -2)}=${second(value as number)}`
      : `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return `${second(atNs)} ${by} ${kind} ${told.join(" ")}`;
}
