/** Help, in text of a terminal's width: of all commands, of a noun, of one. */
import { helpFlag, type Command, type Flag } from "./command.ts";

export const program = "holdfast";
const widthChars = 88;

export const purpose = "Locks of Holdfast, from a shell: it asks the sidecar beside it.";

export function helpOf(command: Command): string {
  const { words, usage, summary, prose, flags, examples } = command;
  const name = [program, ...words].join(" ");
  return [
    `${name}: ${summary}`,
    `\nUsage:\n  ${usageOf({ words, usage })}`,
    ...prose.map((paragraph) => `\n${wrapped(paragraph, "")}`),
    `\nFlags:\n${[...flags, helpFlag].map(flagLines).join("\n")}`,
    `\nExamples:\n${examples.map((line) => `  ${line}`).join("\n")}`,
    "",
  ].join("\n");
}

/** Of all commands, or of those that begin with these words. */
export function overview(commands: readonly Command[], words: readonly string[] = []): string {
  const width = Math.max(...commands.map((command) => nameOf(command).length));
  const name = [program, ...words].join(" ");
  return [
    words.length === 0 ? `${name}: ${purpose}` : `${name}: what there is`,
    `\nCommands:\n${commands.map((each) => `  ${nameOf(each).padEnd(width)}  ${each.summary}`).join("\n")}`,
    `\n'${program} COMMAND --help' tells more of each. '${program} --version' tells its version.`,
    "",
  ].join("\n");
}

export const nameOf = ({ words }: Pick<Command, "words">): string => words.join(" ");

export const usageOf = ({ words, usage }: Pick<Command, "words" | "usage">): string =>
  [program, ...words, usage].filter((part) => part !== "").join(" ");

/** `-o, --output json|wide|name`. */
export function spelled({ name, short, value }: Flag): string {
  const long = `--${name}${value === undefined ? "" : ` ${value}`}`;
  return short === undefined ? long : `-${short}, ${long}`;
}

/** What it does, and what happens without it. */
export function proseOf({ prose, unset }: Flag): string {
  return unset === undefined ? prose : `${prose} Unset: ${unset}.`;
}

function flagLines(flag: Flag): string {
  return `  ${spelled(flag)}\n${wrapped(proseOf(flag), "      ")}`;
}

function wrapped(text: string, indent: string): string {
  const lines = [indent];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line === indent) lines[lines.length - 1] = indent + word;
    else if (line.length + 1 + word.length <= widthChars)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(indent + word);
  }
  return lines.join("\n");
}
