/** kubectl as a function: arguments in, output out. */
import path from "node:path";
import { answerOf, type Answer } from "./answer.ts";

export interface KubectlPlan {
  readonly program: string;
  readonly kubeconfig: string;
  /** For what it remembers of the API: not in the user's home. */
  readonly folder: string;
}

const withinMs = 120_000;

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
    const env = {
      KUBECONFIG: this.kubeconfig,
      KUBECACHEDIR: path.join(this.#folder, "kubectl-cache"),
    };
    return answerOf(this.program, args, { env, withinMs, input });
  }
}
