/** helm as a function, with a home in the cluster's folder: not in the user's. */
import path from "node:path";
import { answerOf, type Answer } from "./answer.ts";

export interface HelmPlan {
  readonly program: string;
  /** Absent: for what needs no cluster. */
  readonly kubeconfig?: string;
  readonly folder: string;
}

const withinMs = 180_000;

export class Helm {
  readonly program: string;
  /** Where it finds its home and the cluster. */
  readonly env: NodeJS.ProcessEnv;

  constructor({ program, kubeconfig, folder }: HelmPlan) {
    this.program = program;
    const at = (name: string): string => path.join(folder, "helm", name);
    this.env = {
      KUBECONFIG: kubeconfig ?? at("none.kubeconfig"),
      HELM_CACHE_HOME: at("cache"),
      HELM_CONFIG_HOME: at("config"),
      HELM_DATA_HOME: at("data"),
    };
  }

  /** Its output; throws with what it wrote to its error output where it fails. */
  async run(...args: readonly string[]): Promise<string> {
    const { code, out, err } = await this.ask(...args);
    if (code !== 0) throw new Error(`helm ${args.join(" ")}: ${err.trim() || out.trim()}`);
    return out;
  }

  /** Whatever it answers. */
  ask(...args: readonly string[]): Promise<Answer> {
    return answerOf(this.program, args, { env: this.env, withinMs });
  }
}
