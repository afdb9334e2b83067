/**
 * A real operator for tests: `node operator/main.ts` in a process of its own, against a cluster's API server and an etcd.
 */
import { LoggedProcess, firstOf } from "./logged-process.ts";
import { metricOf } from "./exposition.ts";
import { HttpClient } from "./http-client.ts";
import { operatorNamespace } from "./kube/operator-role.ts";

export interface OperatorOptions {
  readonly kubeconfig: string;
  /** Absent: the operator is not told of one. */
  readonly etcd?: string | undefined;
  /** Absent: the sources. */
  readonly program?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export class OperatorProcess extends LoggedProcess implements AsyncDisposable {
  #health: HttpClient | undefined;

  /** Waits until it listens. Throws, with its log, where it ends before that. */
  static async start(options: OperatorOptions): Promise<OperatorProcess> {
    const operator = OperatorProcess.launch(options);
    try {
      const { health } = await operator.said("listening");
      operator.#health = new HttpClient(firstOf(health));
      return operator;
    } catch (error) {
      await operator[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Waits for nothing: for one that is expected to end. */
  static launch({ kubeconfig, etcd, program, env = {} }: OperatorOptions): OperatorProcess {
    return new OperatorProcess({
      called: "operator",
      program: program ?? "operator/main.ts",
      env: {
        HOLDFAST_KUBECONFIG: kubeconfig,
        ...(etcd !== undefined && { HOLDFAST_ETCD_ENDPOINTS: etcd }),
        HOLDFAST_NAMESPACE: operatorNamespace,
        HOLDFAST_HEALTH_ADDRESS: "127.0.0.1:0",
        HOLDFAST_IDENTITY_ADDRESS: "127.0.0.1:0",
        HOLDFAST_WEBHOOK_ADDRESS: "127.0.0.1:0",
        HOLDFAST_SESSION_TTL: "3s",
        // No Service leads here.
        HOLDFAST_LINGER: "0s",
        ...env,
      },
    });
  }

  get health(): HttpClient {
    if (this.#health === undefined) throw new Error("this operator was not waited for");
    return this.#health;
  }

  /** The value of a series; undefined: there is none. */
  metric(series: string): Promise<number | undefined> {
    return metricOf(this, series);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isOver) await this.kill();
  }
}
