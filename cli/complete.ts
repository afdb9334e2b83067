/**
 * What may stand where the cursor is: asked by the shells' scripts (`completion`), which only pass words in and candidates
 * out, so that all three know the same.
 */
import { parseArgs } from "node:util";
import { connect } from "#client/holdfast.ts";
import { helpFlag, type Command, type Flag, type Io } from "./command.ts";
import { lockArgument } from "./lock-name.ts";
import { named, type Named } from "./named.ts";
import { shells, type Shell } from "./shells.ts";

export interface Candidate {
  readonly value: string;
  readonly about?: string;
}

/** The words before the one at the cursor, and what is there of that one. */
export interface Line {
  readonly before: readonly string[];
  readonly current: string;
}

/** What the hidden command is called. */
export const completeWord = "__complete";

/** `args`: the shell, then all words up to the cursor. Prints a candidate a line. */
export async function complete(
  commands: readonly Command[],
  [shell, ...words]: readonly string[],
  io: Io,
): Promise<void> {
  const known = shells.find((one) => one === shell);
  if (known === undefined) return;
  const { before, current, cut } = lineOf(known, words);
  const candidates = await candidatesFor(commands, { before, current });
  for (const candidate of candidates) io.out(`${printed(known, candidate, cut)}\n`);
}

/** Bash splits at = and :, too, and completes only what stands behind the last of them. */
function lineOf(shell: Shell, words: readonly string[]): Line & { readonly cut: number } {
  if (shell !== "bash") return { before: words.slice(0, -1), current: words.at(-1) ?? "", cut: 0 };
  const glued: string[] = [];
  let joins = false;
  for (const word of words) {
    const isMark = /^[=:]+$/.test(word);
    const before = isMark || joins ? glued.pop() : undefined;
    glued.push(`${before ?? ""}${word}`);
    joins = isMark;
  }
  const current = glued.at(-1) ?? "";
  const typed = words.at(-1) ?? "";
  const cut = current.length - (/^[=:]+$/.test(typed) ? 0 : typed.length);
  return { before: glued.slice(0, -1), current, cut };
}

function printed(shell: Shell, { value, about = "" }: Candidate, cut: number): string {
  switch (shell) {
    case "bash":
      return value.slice(cut);
    case "fish":
      return about === "" ? value : `${value}\t${about}`;
    case "zsh": {
      const escaped = value.replaceAll(/[\\:]/g, String.raw`\$&`);
      return about === "" ? escaped : `${escaped}:${about}`;
    }
  }
}

export async function candidatesFor(
  commands: readonly Command[],
  line: Line,
): Promise<readonly Candidate[]> {
  const { before, current } = line;
  if (before.includes("--")) return [];
  const found = named(commands, before);
  const all = found === undefined ? nextWords(commands, before) : await within(found, current);
  return all.filter(({ value }) => value.startsWith(current));
}

/** Of the commands that begin so. */
function nextWords(commands: readonly Command[], before: readonly string[]): Candidate[] {
  const fitting = commands.filter(({ words }) => before.every((word, at) => words[at] === word));
  const next = new Map<string, Candidate>();
  for (const { words, summary } of fitting) {
    const value = words[before.length] ?? "";
    const isWhole = words.length === before.length + 1;
    next.set(value, isWhole ? { value, about: summary } : { value });
  }
  return [...next.values()];
}

async function within(
  { command, args: given }: Named,
  current: string,
): Promise<readonly Candidate[]> {
  const flags = [...command.flags, helpFlag];
  const valued = flags.find((flag) => isOpen(flag, given.at(-1)));
  if (valued !== undefined) return choicesOf(valued, "");
  const equals = current.indexOf("=");
  if (current.startsWith("--") && equals > 0) {
    const named = flags.find(({ name }) => name === current.slice(2, equals));
    return named === undefined ? [] : choicesOf(named, current.slice(0, equals + 1));
  }
  if (current.startsWith("-")) {
    return flags
      .filter(({ name, again }) => again === true || !given.includes(`--${name}`))
      .map(({ name, prose }) => ({ value: `--${name}`, about: prose }));
  }
  const { positionals } = parseArgs({
    args: [...given],
    strict: false,
    allowPositionals: true,
    options: Object.fromEntries(
      flags.map(({ name, short, value }) => [
        name,
        { type: value === undefined ? "boolean" : "string", ...(short && { short }) },
      ]),
    ),
  });
  return valuesOf(command.takes[positionals.length], current);
}

/** Whether the word is the flag's, and its value is what comes next. */
function isOpen({ name, short, value }: Flag, word: string | undefined): boolean {
  return value !== undefined && (word === `--${name}` || word === `-${String(short)}`);
}

function choicesOf({ kind }: Flag, before: string): readonly Candidate[] {
  if (typeof kind !== "object") return [];
  return kind.map((value) => ({ value: before + value }));
}

async function valuesOf(
  argument: string | undefined,
  current: string,
): Promise<readonly Candidate[]> {
  if (argument === "SHELL") return shells.map((value) => ({ value }));
  return argument === lockArgument ? await locksLike(current) : [];
}

const locksMax = 100;
const patienceMs = 1_000;

/** Of the pool that is written already. Where the sidecar does not say it in time, none: a line is being written. */
async function locksLike(current: string): Promise<readonly Candidate[]> {
  const slash = current.indexOf("/");
  if (slash < 1) return [];
  const holdfast = connect({ onWarning: () => undefined });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), patienceMs);
  });
  try {
    const pool = holdfast.locks(current.slice(0, slash));
    const asked = pool.list({ prefix: current.slice(slash + 1), limit: locksMax });
    const page = await Promise.race([asked.catch(() => undefined), late]);
    return (page?.locks ?? []).map(({ lock }) => ({ value: lock }));
  } finally {
    clearTimeout(timer);
    await holdfast.close();
  }
}
