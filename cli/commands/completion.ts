/** `holdfast completion`: the script by which a shell completes what is written after `holdfast`. */
import { nearest } from "#api/fields/nearest.ts";
import { UsageError, type Command } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { scripts, shells } from "../shells.ts";

export const completion: Command = {
  words: ["completion"],
  usage: "SHELL",
  takes: ["SHELL"],
  summary: `prints the completion for a shell: ${shells.join(", ")}`,
  prose: ["It completes commands, flags, their values, and the locks of a pool that are in use."],
  flags: [],
  examples: [
    `eval "$(holdfast completion bash)"   # in ~/.bashrc`,
    `holdfast completion zsh > "\${fpath[1]}/_holdfast"`,
    "holdfast completion fish > ~/.config/fish/completions/holdfast.fish",
  ],
  codes: { usage: exitCodes.usage, failed: exitCodes.failed },
  run({ args: [text = ""], io }) {
    const shell = shells.find((one) => one === text);
    if (shell === undefined) {
      const near = nearest(text, shells);
      const meant = near === undefined ? "" : ` Did you mean ${near}?`;
      throw new UsageError(`'${text}' is none of ${shells.join(", ")}.${meant}`);
    }
    io.out(scripts[shell]);
    return Promise.resolve(0);
  },
};
