/** `docs/reference/cli.md`: every command of holdfast, made from the table that its help is made from. */
import { helpFlag, type Command } from "#cli/command.ts";
import { commands } from "#cli/commands.ts";
import { exitCodes } from "#cli/exit-codes.ts";
import { nameOf, program, proseOf, spelled, usageOf } from "#cli/help.ts";
import type { Made } from "./made.ts";
import { code, page, table } from "./markdown.ts";

export function makeCli(): Promise<Made> {
  const lines = [
    "# The holdfast command",
    "",
    "It asks the sidecar beside it, at `HOLDFAST_URL`. [How to get it](../../cli/README.md).",
    "",
    ...table(
      ["command", "what"],
      commands.map((each) => [
        `[${code(`${program} ${nameOf(each)}`)}](#${anchorOf(each)})`,
        each.summary,
      ]),
    ),
    "",
    "## Exit codes",
    "",
    `${code(`${program} lock`)} ends as its command did; what it says itself stands beside those of ${code("timeout")} and ${code("env")}.`,
    "",
    ...table(["code", "of", "when"], codeRows),
    "",
    ...commands.flatMap(section),
  ];
  const sources = "cli/commands.ts";
  return Promise.resolve(
    new Map([["docs/reference/cli.md", page(sources, lines).trimEnd() + "\n"]]),
  );
}

const lock = `${program} lock`;
const codeRows = [
  ["0", "all", "it was done"],
  [String(exitCodes.failed), "all but lock", "it failed; standard error says why"],
  [String(exitCodes.usage), "all but lock", "it was called wrongly"],
  [
    String(exitCodes.requested),
    `${program} locks release`,
    "the holder was asked, and has not gone yet",
  ],
  [
    String(exitCodes.lost),
    lock,
    "the lock was lost while the command ran, and the command was ended",
  ],
  [String(exitCodes.notGranted), lock, "the lock was not granted in time; nothing was run"],
  [
    String(exitCodes.refused),
    lock,
    "the sidecar was not reached or said no, or it was called wrongly; nothing was run",
  ],
  [String(exitCodes.notRunnable), lock, "the command cannot be run"],
  [String(exitCodes.notFound), lock, "there is no such command"],
  ["128 + n", lock, "signal n ended the command, or the wait"],
];

const titleOf = (command: Command): string => `${program} ${nameOf(command)}`;
const anchorOf = (command: Command): string => titleOf(command).replaceAll(" ", "-");

function section(command: Command): string[] {
  const { summary, prose, flags, examples } = command;
  const rows = [...flags, helpFlag].map((flag) => [code(spelled(flag)), proseOf(flag)]);
  return [
    `## ${titleOf(command)}`,
    "",
    `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`,
    "",
    "```sh",
    usageOf(command),
    "```",
    "",
    ...prose.flatMap((paragraph) => [paragraph, ""]),
    ...table(["flag", "what"], rows),
    "",
    "```sh",
    ...examples,
    "```",
    "",
  ];
}
