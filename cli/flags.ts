/** Arguments to what a command takes. What is wrong is refused by name, before anything is asked. */
import { parseArgs } from "node:util";
import { durationExamples, readDurationMs } from "#api/fields/duration.ts";
import { nearest } from "#api/fields/nearest.ts";
import { helpFlag, UsageError, type Call, type Command, type Flag, type Given } from "./command.ts";

export type Parsed = Omit<Call, "io"> | "help";

/** `args`: after the command's words. */
export function parse(command: Command, args: readonly string[]): Parsed {
  const known = [...command.flags, helpFlag];
  const { tokens } = parseArgs({
    args: [...args],
    // What is wrong is told below: parseArgs knows neither which flag was meant nor which command was called.
    strict: false,
    tokens: true,
    allowPositionals: true,
    options: Object.fromEntries(known.map((flag) => [flag.name, optionOf(flag)])),
  });
  const terminator = tokens.find(({ kind }) => kind === "option-terminator")?.index ?? Infinity;
  const values = new Map<string, string[]>();
  const words: { readonly index: number; readonly value: string }[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") words.push(token);
    if (token.kind !== "option") continue;
    const flag = known.find(({ name }) => name === token.name);
    if (flag === undefined) throw unknownFlag(token.rawName, known);
    if (flag === helpFlag) return "help";
    const value = valueOf(flag, token);
    const before = values.get(flag.name) ?? [];
    if (before.length > 0 && flag.again !== true)
      throw new UsageError(`--${flag.name} is given twice.`);
    values.set(flag.name, [...before, value]);
  }
  const taken = words.filter(({ index }) => index < terminator).map(({ value }) => value);
  const rest = words.filter(({ index }) => index > terminator).map(({ value }) => value);
  judgeWords(command, taken, rest);
  return { args: taken, rest, flags: given(values) };
}

function optionOf({ value, short, again }: Flag) {
  return {
    type: value === undefined ? ("boolean" as const) : ("string" as const),
    ...(short === undefined ? {} : { short }),
    ...(again === undefined ? {} : { multiple: again }),
  };
}

interface OptionToken {
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function valueOf(flag: Flag, { rawName, value, inlineValue }: OptionToken): string {
  if (flag.value === undefined) {
    if (value === undefined) return "true";
    throw new UsageError(`${rawName} takes no value: leave out '=${value}'.`);
  }
  if (value === undefined || (inlineValue !== true && value.startsWith("--")))
    throw new UsageError(`${rawName} needs a value: ${rawName} ${flag.value}.`);
  const wrong = wrongValue(flag, value);
  if (wrong !== undefined) throw new UsageError(`${rawName}: '${value}' ${wrong}.`);
  return value;
}

/** undefined: nothing is wrong. */
function wrongValue({ kind }: Flag, value: string): string | undefined {
  switch (kind) {
    case undefined:
      return value === "" ? "is empty" : undefined;
    case "duration":
      return readDurationMs(value) === undefined
        ? `is no duration; write it as in ${durationExamples}`
        : undefined;
    case "count":
      return /^[1-9]\d{0,8}$/.test(value) ? undefined : "is no whole number from 1";
    case "fence":
      return /^(0|[1-9]\d{0,38})$/.test(value) ? undefined : "is no fence: a whole number, as text";
    case "pair":
      return /^[^=]+=/.test(value) ? undefined : "is not NAME=TEXT";
    default: {
      const near = nearest(value, kind);
      const meant = near === undefined ? "" : `; did you mean ${near}?`;
      return kind.includes(value) ? undefined : `is none of ${kind.join(", ")}${meant}`;
    }
  }
}

function judgeWords(
  { takes, rest }: Command,
  words: readonly string[],
  after: readonly string[],
): void {
  const missing = takes[words.length];
  if (missing !== undefined) throw new UsageError(`${missing} is missing.`);
  const more = words[takes.length];
  if (more !== undefined) {
    const fix = rest === undefined ? "Leave it out." : `Write -- before the command: -- ${more} …`;
    throw new UsageError(`'${more}' is too much. ${fix}`);
  }
  if (rest === undefined && after.length > 0)
    throw new UsageError(`'-- ${after.join(" ")}' is too much: no command is run here.`);
  if (rest !== undefined && after.length === 0)
    throw new UsageError(`${rest} is missing: write it after --.`);
}

function unknownFlag(rawName: string, known: readonly Flag[]): UsageError {
  const near = nearest(
    rawName,
    known.map(({ name }) => `--${name}`),
  );
  const meant = near === undefined ? "" : ` Did you mean ${near}?`;
  return new UsageError(`There is no flag ${rawName} here.${meant}`);
}

const given = (values: ReadonlyMap<string, readonly string[]>): Given => ({
  has: (name) => values.has(name),
  text: (name) => values.get(name)?.at(-1),
  all: (name) => values.get(name) ?? [],
});
