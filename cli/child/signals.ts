/**
 * The signals that ask this process to end: none ends it by itself, each is told to who deals with them at that time.
 *
 *   while it waits for the lock   the wait ends
 *   while the command runs        it is told to the command, which decides
 *   after that                    nothing: the lock is being given back, which takes a moment
 */
import process from "node:process";

const asking = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;
export type AskingSignal = (typeof asking)[number];

export class Signals implements Disposable {
  #take: (signal: AskingSignal) => void = () => undefined;
  readonly #heard = (signal: NodeJS.Signals): void => {
    this.#take(signal as AskingSignal);
  };

  constructor() {
    for (const signal of asking) process.on(signal, this.#heard);
  }

  /** From now on they are told to this one. */
  tell(take: (signal: AskingSignal) => void): void {
    this.#take = take;
  }

  [Symbol.dispose](): void {
    for (const signal of asking) process.off(signal, this.#heard);
  }
}

/** Ctrl-C and Ctrl-\ reach all processes of a terminal: the command has it already. */
export function comesFromTerminal(signal: AskingSignal, inIsTerminal: boolean): boolean {
  return inIsTerminal && (signal === "SIGINT" || signal === "SIGQUIT");
}
