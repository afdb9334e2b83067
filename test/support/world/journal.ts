/** What the processes of a world logged, each line with the virtual time; the newest are kept. */
import type { Log, LogFields } from "#core/runtime.ts";

export type Level = "debug" | "info" | "warn" | "error";

export interface Line {
  readonly atMs: number;
  readonly process: string;
  readonly level: Level;
  readonly message: string;
  readonly fields: LogFields;
}

const linesMax = 5_000;
const noFields: LogFields = {};

export class Journal {
  readonly #lines: Line[] = [];
  readonly #nowMs: () => number;
  #dropped = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  log(process: string): Log {
    const write =
      (level: Level) =>
      (message: string, fields: LogFields = noFields): void =>
        this.#write({ atMs: this.#nowMs(), process, level, message, fields });
    return {
      debug: write("debug"),
      info: write("info"),
      warn: write("warn"),
      error: write("error"),
    };
  }

  /** All lines that are kept, or those of one process. */
  lines(process?: string): readonly Line[] {
    return process === undefined
      ? this.#lines
      : this.#lines.filter((line) => line.process === process);
  }

  #write(line: Line): void {
    this.#lines.push(line);
    if (this.#lines.length >= 2 * linesMax) this.#dropped += this.#lines.splice(0, linesMax).length;
  }

  print(process?: string): string {
    const text = this.lines(process).map(printLine);
    if (this.#dropped > 0) text.unshift(`(${String(this.#dropped)} older lines are not kept)`);
    return text.join("\n");
  }
}

function printLine(line: Line): string {
  const fields = Object.entries(line.fields).map(
    ([name, value]) => ` ${name}=${printValue(value)}`,
  );
  const time = line.atMs.toFixed(3).padStart(12);
  return `${time} ${line.process.padEnd(12)} ${line.level.padEnd(5)} ${line.message}${fields.join("")}`;
}

function printValue(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  const text: unknown = JSON.stringify(value, (_name, part: unknown) =>
    typeof part === "bigint" ? part.toString() : part,
  );
  return typeof text === "string" ? text : String(value);
}
