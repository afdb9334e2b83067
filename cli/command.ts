/** What a command is: its words, arguments and flags. Help, completion and the reference page are made from that. */

export interface Flag {
  /** Without the dashes. */
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  /** How its value looks. Absent: it takes none. */
  readonly value?: string;
  /** How its value is judged; absent: any text. */
  readonly kind?: "duration" | "count" | "fence" | "pair" | readonly string[];
  /** It may be given again. */
  readonly again?: true;
  /** For people, where nothing is given. */
  readonly unset?: string;
  readonly prose: string;
}

export interface Command {
  /** `locks ls`. */
  readonly words: readonly string[];
  /** After the words, as help shows it. */
  readonly usage: string;
  /** The arguments that it must have, by name; more is refused. */
  readonly takes: readonly string[];
  /** What stands after `--`; absent: nothing may. */
  readonly rest?: string;
  /** One line. */
  readonly summary: string;
  /** Paragraphs. */
  readonly prose: readonly string[];
  readonly flags: readonly Flag[];
  readonly examples: readonly string[];
  /** Told apart from what a child of it ended with. */
  readonly codes: { readonly usage: number; readonly failed: number };
  /** The exit code. */
  run(call: Call): Promise<number>;
}

export interface Call {
  readonly args: readonly string[];
  readonly rest: readonly string[];
  readonly flags: Given;
  readonly io: Io;
}

/** What flags were given. */
export interface Given {
  has(name: string): boolean;
  /** The last one. */
  text(name: string): string | undefined;
  all(name: string): readonly string[];
}

/** What a command takes of the process. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly errIsTerminal: boolean;
  readonly inIsTerminal: boolean;
  out(text: string): void;
  err(text: string): void;
}

/** It was called wrongly; the message says what is wrong and what would be right. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Every command that asks a sidecar has it. */
export const urlFlag: Flag = {
  name: "url",
  value: "URL",
  unset: "HOLDFAST_URL, else http://localhost:4653",
  prose: "Where the sidecar is; unix:/path for a socket in the file system.",
};

export const helpFlag: Flag = { name: "help", short: "h", prose: "Shows this." };
