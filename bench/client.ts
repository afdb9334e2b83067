/** A client process, as who measures has it: it does one thing at a time. */
import { fork, type ChildProcess } from "node:child_process";
import process from "node:process";
import type { Measured } from "./clients/load.ts";
import type { Order, Report } from "./clients/main.ts";
import type { Side, Targets } from "./clients/sides.ts";

/** As the launcher of the bundled sidecar has it, so that core is measured under what it runs under. */
const execArgv = [...process.execArgv, "--min-semi-space-size=1", "--max-semi-space-size=16"];

export class Client implements AsyncDisposable {
  readonly #side: Side;
  readonly #child: ChildProcess;

  private constructor(side: Side, targets: Targets) {
    this.#side = side;
    this.#child = fork("bench/clients/main.ts", [side, JSON.stringify(targets)], { execArgv });
  }

  static async start(side: Side, targets: Targets): Promise<Client> {
    const client = new Client(side, targets);
    await client.#heard();
    return client;
  }

  async measure(order: Order): Promise<Measured> {
    this.#child.send(order);
    const report = (await this.#heard()) as Report;
    if ("failed" in report) throw new Error(`${this.#side}: ${report.failed}`);
    return report.measured;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    if (this.#child.connected) this.#child.disconnect();
    else this.#child.kill();
    await ended;
  }

  #heard(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const ended = (): void => {
        reject(new Error(`${this.#side}: its process ended; its last words are above`));
      };
      this.#child.once("exit", ended);
      this.#child.once("message", (message) => {
        this.#child.off("exit", ended);
        resolve(message);
      });
    });
  }
}
