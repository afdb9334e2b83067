/** Which command a line names. Its flags may stand before its words, too, as in `holdfast -o wide locks ls orders`. */
import { helpFlag, type Command, type Flag } from "./command.ts";

export interface Named {
  readonly command: Command;
  /** What is for it: all but its words. */
  readonly args: readonly string[];
}

export function named(commands: readonly Command[], line: readonly string[]): Named | undefined {
  for (const command of commands) {
    const args = argsOf(command, line);
    if (args !== undefined) return { command, args };
  }
  return undefined;
}

/** undefined: it is another command's line. Whether a flag is followed by its value is for the command to say. */
function argsOf({ words, flags }: Command, line: readonly string[]): string[] | undefined {
  const known = [...flags, helpFlag];
  const before: string[] = [];
  let at = 0;
  for (const word of words) {
    while (isFlag(line[at])) {
      const count = hasValueBehind(line[at], known) ? 2 : 1;
      before.push(...line.slice(at, at + count));
      at += count;
    }
    if (line[at] !== word) return undefined;
    at += 1;
  }
  return [...before, ...line.slice(at)];
}

export function isFlag(arg: string | undefined): boolean {
  return arg !== undefined && arg.startsWith("-") && arg !== "-" && arg !== "--";
}

/** Of `-o wide` and `--output wide`, not of `-owide` and `--output=wide`. */
function hasValueBehind(arg: string | undefined, known: readonly Flag[]): boolean {
  return known.some(
    ({ name, short, value }) =>
      value !== undefined && (arg === `--${name}` || (short !== undefined && arg === `-${short}`)),
  );
}
