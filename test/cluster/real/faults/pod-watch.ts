/** When the API server told what of a pod, by a watch of kubectl's. */
import { spawn, type ChildProcess } from "node:child_process";
import process from "node:process";
import { until } from "#tools/cluster/until.ts";
import type { Kubectl } from "#tools/cluster/kubectl.ts";

export interface PodEvent {
  /** Of this machine's wall clock, in ms. */
  readonly wall: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: {
    readonly spec: { readonly nodeName?: string };
    readonly metadata: { readonly deletionTimestamp?: string };
  };
}

export class PodWatch implements AsyncDisposable {
  readonly events: PodEvent[] = [];
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;

  /** Of pods with this label `app`, whether there is such a namespace yet or not. */
  constructor(kubectl: Kubectl, { namespace, app }: { namespace: string; app: string }) {
    const watch = `/api/v1/namespaces/${namespace}/pods?watch=true&labelSelector=app%3D${app}`;
    const args = ["get", "--raw", watch];
    this.#child = spawn(kubectl.program, args, {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, KUBECONFIG: kubectl.kubeconfig },
    });
    this.#closed = new Promise((resolve) => this.#child.once("close", resolve));
    let rest = "";
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines)
        this.events.push({ ...(JSON.parse(line) as Omit<PodEvent, "wall">), wall: Date.now() });
    });
  }

  first(what: string, wanted: (event: PodEvent) => boolean): Promise<PodEvent> {
    return until(`the API server to tell of ${what}`, () =>
      Promise.resolve(this.events.find(wanted)),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#closed;
  }
}
