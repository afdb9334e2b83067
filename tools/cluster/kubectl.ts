/** kubectl as a function: arguments in, output out. */
import { spawn } from "node:child_process";
import path from "node:path";
import process from "node:process";

export interface KubectlPlan {
  readonly program: string;
  readonly kubeconfig: string;
  /** For what it remembers of the API: not in the user's home. */
  readonly folder: string;
}

export interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const answerWithinMs = 120_000;

export class Kubectl {
  readonly program: string;
  readonly kubeconfig: string;
  readonly #folder: string;

  constructor({ program, kubeconfig, folder }: KubectlPlan) {
    this.program = program;
    this.kubeconfig = kubeconfig;
    this.#folder = folder;
  }

  /** Its output; throws with what it wrote to its error output where it fails. */
  async run(args: readonly string[], input?: string): Promise<string> {
    const { code, out, err } = await this.ask(args, input);
    if (code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${err.trim() || `code ${code}`}`);
    return out;
  }

  /** Whatever it answers; `input` is what `-f -` reads. */
  ask(args: readonly string[], input?: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const child = spawn(this.program, args, {
        env: {
          ...process.env,
          KUBECONFIG: this.kubeconfig,
          KUBECACHEDIR: path.join(this.#folder, "kubectl-cache"),
        },
        stdio: ["pipe", "pipe", "pipe"],
        timeout: answerWithinMs,
        killSignal: "SIGKILL",
      });
      let out = "";
      let err = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
      child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
      child.once("error", reject);
      child.once("close", (code) => {
        resolve({ code: code ?? -1, out, err });
      });
      // It may end before it has read all, or anything: its answer says why.
      child.stdin.once("error", (error: NodeJS.ErrnoException) => {
        if (error.code !== "EPIPE") reject(error);
      });
      child.stdin.end(input ?? "");
    });
  }
}
