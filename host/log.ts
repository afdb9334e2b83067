/**
 * The Log port on winston: one JSON object a line, or short coloured lines for a person at a terminal. Standard
 * output is the log. Lines of a request carry `traceId` (see trace.ts) as a field like any other.
 */
import { Writable } from "node:stream";
import winston from "winston";
import { isPlain } from "#api/fields/text.ts";
import type { Log, LogFields } from "#core/runtime.ts";

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];
export const logFormats = ["json", "text"] as const;
export type LogFormat = (typeof logFormats)[number];

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Where lines go; absent: standard output. */
  readonly stream?: NodeJS.WritableStream;
}

const ranks = { error: 0, warn: 1, info: 2, debug: 3 } as const satisfies Record<LogLevel, number>;

function ignore(): void {
  // Below the level that was asked for.
}

/** How deep causes of errors are followed. */
const causesMax = 5;

export function makeLog(options: LogOptions): Log {
  const stream = options.stream ?? process.stdout;
  const logger = winston.createLogger({
    level: options.level,
    levels: ranks,
    format: winston.format.printf(options.format === "json" ? jsonLine : textLine),
  });
  // Piped by hand: a transport of winston's would do no more than this.
  logger.pipe(lineWriter(stream));
  const write = (level: LogLevel) => {
    // Winston itself would judge the level only after it made the line.
    if (ranks[level] > ranks[options.level]) return ignore;
    return (message: string, fields?: LogFields) => {
      logger.log({ level, message, fields });
    };
  };
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}

/** Under which winston leaves the finished line. */
const finished = Symbol.for("message");

function lineWriter(stream: NodeJS.WritableStream): Writable {
  return new Writable({
    objectMode: true,
    write(line: Readonly<Record<symbol, unknown>>, _encoding, done) {
      stream.write(`${String(line[finished])}\n`);
      done();
    },
  });
}

interface Line {
  readonly level: string;
  readonly message: unknown;
  readonly fields?: unknown;
}

function jsonLine(line: Line): string {
  const head = { time: new Date().toISOString(), level: line.level, message: line.message };
  const fields = (line.fields ?? {}) as LogFields;
  // A field may not hide the head: `{ message }` of a caller goes beside it.
  const rest = Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name in head ? `${name}_` : name, value]),
  );
  return toJson({ ...head, ...rest });
}

const colours: Readonly<Record<string, string>> = {
  debug: "\x1b[90m",
  info: "\x1b[32m",
  warn: "\x1b[33m",
  error: "\x1b[31m",
};

function textLine(line: Line): string {
  const time = new Date().toISOString().slice(11, 23);
  const colour = colours[line.level] ?? "";
  const fields = Object.entries((line.fields ?? {}) as LogFields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` \x1b[90m${name}=\x1b[0m${textValue(value)}`)
    .join("");
  return `${time} ${colour}${line.level.padEnd(5)}\x1b[0m ${printable(String(line.message))}${fields}`;
}

function textValue(value: unknown): string {
  if (typeof value === "string")
    return /^[\w.:/@+-]+$/.test(value) ? value : printable(JSON.stringify(value));
  if (value instanceof Error)
    return (value.stack ?? value.message).split("\n").map(printable).join("\n");
  return printable(toJson(value));
}

/** Names of users stand in messages, and a control character in one could forge a line or steer a terminal. */
function printable(text: string): string {
  if (isPlain(text)) return text;
  let shown = "";
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const steers = code < 0x20 || (code >= 0x7f && code <= 0x9f);
    shown += steers ? `\\u${code.toString(16).padStart(4, "0")}` : text.charAt(i);
  }
  return shown;
}

/** Never throws: what cannot be written is named instead, since a log line must not break the work it tells of. */
function toJson(value: unknown): string {
  try {
    const text = JSON.stringify(value, (_name, part: unknown) => plain(part)) as string | undefined;
    return text ?? "null";
  } catch (error) {
    return JSON.stringify({ unloggable: error instanceof Error ? error.message : "value" });
  }
}

function plain(part: unknown, depth = 0): unknown {
  if (typeof part === "bigint") return part.toString();
  if (!(part instanceof Error)) return part;
  const { name, message, stack, cause } = part;
  const code = "code" in part ? part.code : undefined;
  return {
    name,
    message,
    code,
    stack,
    cause: depth < causesMax ? plain(cause, depth + 1) : undefined,
  };
}
