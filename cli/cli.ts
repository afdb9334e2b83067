/** A command line to an exit code: which command it is, help, and what goes wrong in the words of who called. */
import { nearest } from "#api/fields/nearest.ts";
import { HoldfastError } from "#client/holdfast.ts";
import { UsageError, type Io } from "./command.ts";
import { commands } from "./commands.ts";
import { complete, completeWord } from "./complete.ts";
import { exitCodes } from "./exit-codes.ts";
import { parse } from "./flags.ts";
import { helpOf, nameOf, overview, program, usageOf } from "./help.ts";
import { isFlag, named, type Named } from "./named.ts";

/** Of a command's name. */
const wordsMax = 2;

export async function run(args: readonly string[], version: string, io: Io): Promise<number> {
  const [first] = args;
  if (first === completeWord) {
    await complete(commands, args.slice(1), io);
    return 0;
  }
  if (first === "--version") {
    io.out(`${program} ${version}\n`);
    return 0;
  }
  const found = named(commands, args);
  return found === undefined ? notOne(args, io) : await runCommand(found, io);
}

async function runCommand({ command, args }: Named, io: Io): Promise<number> {
  const { codes } = command;
  try {
    const parsed = parse(command, args);
    if (parsed === "help") {
      io.out(helpOf(command));
      return 0;
    }
    return await command.run({ ...parsed, io });
  } catch (error) {
    if (error instanceof UsageError) {
      const more = `usage: ${usageOf(command)}\n'${program} ${nameOf(command)} --help' tells more.`;
      io.err(`${program}: ${error.message}\n${more}\n`);
      return codes.usage;
    }
    // A URL that cannot be one is told so.
    if (!(HoldfastError.is(error) || error instanceof TypeError)) throw error;
    io.err(`${program}: ${error.message}\n`);
    return codes.failed;
  }
}

/** No command: help where that was asked for, or where only a noun was named. */
function notOne(args: readonly string[], io: Io): number {
  const words = args.filter((arg) => !arg.startsWith("-"));
  const asksHelp = args.some((arg) => arg === "--help" || arg === "-h") || words[0] === "help";
  const begun = words[0] === "help" ? words.slice(1) : words;
  const fitting = commands.filter((each) => begun.every((word, at) => each.words[at] === word));
  const [only, ...others] = fitting;
  if (asksHelp && only !== undefined) {
    io.out(others.length === 0 ? helpOf(only) : overview(fitting, begun));
    return 0;
  }
  if (only !== undefined) {
    io.err(overview(fitting, begun));
    return exitCodes.usage;
  }
  const early = args.slice(0, wordsMax).find(isFlag);
  if (early !== undefined) {
    io.err(
      `${program}: No command is found in '${args.join(" ")}'. Write flags behind the command: '${program} COMMAND … ${early}'. '${program} --help' lists all.\n`,
    );
    return exitCodes.usage;
  }
  const near = nearest(words.slice(0, wordsMax).join(" "), commands.map(nameOf));
  const meant = near === undefined ? "" : ` Did you mean '${program} ${near}'?`;
  io.err(
    `${program}: There is no command '${words.slice(0, wordsMax).join(" ")}'.${meant} '${program} --help' lists all.\n`,
  );
  return exitCodes.usage;
}
