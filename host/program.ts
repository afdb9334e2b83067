/**
 * What every process of ours does first and last: options from the environment and the command line, the log, and the rule
 * that what nobody expected ends the process.
 *
 * Ends with 0 after `--help`, with 1 where something failed, with 2 where an option cannot be used.
 */
import process from "node:process";
import type { Runtime } from "#core/runtime.ts";
import { makeLog, type LogFormat, type LogLevel } from "./log.ts";
import {
  helpText,
  OptionsRefused,
  readOptions,
  type OptionTable,
  type OptionValues,
} from "./options.ts";
import { realRuntime } from "./runtime.ts";

/** A broken invariant: the process ends at once. */
export type Die = (name: string, error: unknown) => void;

export interface Program<T extends OptionTable> {
  readonly name: string;
  readonly purpose: string;
  readonly options: T;
  /** What no option can see alone. Throws OptionsRefused. */
  readonly checkTogether: (values: OptionValues<T>) => void;
  readonly logOf: (values: OptionValues<T>) => {
    readonly logLevel: LogLevel;
    readonly logFormat: LogFormat | undefined;
  };
  /** Whether people can mend it: its message says how, and is all that they need. */
  readonly isRefusal: (error: unknown) => error is Error;
  readonly run: (values: OptionValues<T>, runtime: Runtime, die: Die) => Promise<void>;
}

/** Resolves when the program has ended by itself. */
export async function runProgram<T extends OptionTable>(program: Program<T>): Promise<void> {
  const { values, unknownVariables } = optionsOrEnd(program);
  const { logLevel: level, logFormat } = program.logOf(values);
  const log = makeLog({ level, format: logFormat ?? (process.stdout.isTTY ? "text" : "json") });
  const die: Die = (name, error) => {
    log.error("the process ends: something failed that must not", { name, error });
    process.exit(1);
  };
  process.on("uncaughtException", (error) => {
    die("uncaught exception", error);
  });
  process.on("unhandledRejection", (error) => {
    die("unhandled rejection", error);
  });
  for (const problem of unknownVariables) log.warn(problem);
  try {
    await program.run(values, realRuntime(log), die);
  } catch (error) {
    if (!program.isRefusal(error)) throw error;
    log.error(error.message);
    process.exit(1);
  }
}

function optionsOrEnd<T extends OptionTable>({
  name,
  purpose,
  options,
  checkTogether,
}: Program<T>) {
  try {
    const read = readOptions(options, { env: process.env, args: process.argv.slice(2) });
    if (read.kind === "help") {
      process.stdout.write(helpText(name, purpose, options));
      process.exit(0);
    }
    checkTogether(read.values);
    return read;
  } catch (error) {
    if (!(error instanceof OptionsRefused)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(2);
  }
}
