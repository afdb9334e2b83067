/** helm as a function, with a home in the cluster's folder: not in the user's. */
import { spawn } from "node:child_process";
import path from "node:path";
import process from "node:process";
import type { Answer } from "./kubectl.ts";

export interface HelmPlan {
  readonly program: string;
  /** Absent: for what needs no cluster. */
  readonly kubeconfig?: string;
  readonly folder: string;
}

const answerWithinMs = 180_000;

export class Helm {
  readonly #program: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor({ program, kubeconfig, folder }: HelmPlan) {
    this.#program = program;
    const at = (name: string): string => path.join(folder, "helm", name);
    this.#env = {
      ...process.env,
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
    return new Promise((resolve, reject) => {
      const child = spawn(this.#program, args, {
        env: this.#env,
        stdio: ["ignore", "pipe", "pipe"],
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
    });
  }
}
