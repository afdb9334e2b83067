/**
 * Pods and their tokens, made with a real API server, and the settings of sidecars that come to an operator with one. No kubelet:
 * who wants a sidecar starts it.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { identityAudience } from "#api/identity.ts";
import type { Answer } from "#test/support/http-client.ts";
import { askIdentity, type Question } from "#test/support/identity-asker.ts";
import { operatorNamespace } from "#test/support/kube/operator-role.ts";
import { firstOf } from "#test/support/logged-process.ts";
import type { OperatorProcess } from "#test/support/operator-process.ts";
import type { SidecarOptions } from "#test/support/sidecar-process.ts";
import type { Kubectl } from "#tools/cluster/kubectl.ts";
import { until } from "#tools/cluster/until.ts";

export interface Wanted {
  readonly namespace?: string;
  readonly token: string;
  readonly state: string;
  readonly env?: Readonly<Record<string, string>>;
}

export class IdentifiedPods implements AsyncDisposable {
  /** Of the token's files, and whatever a test lays there. */
  readonly folder: string;
  readonly #kubectl: Kubectl;
  #operator: OperatorProcess | undefined;
  #trust = "";

  private constructor(kubectl: Kubectl, folder: string) {
    this.#kubectl = kubectl;
    this.folder = folder;
  }

  static async start(kubectl: Kubectl): Promise<IdentifiedPods> {
    return new IdentifiedPods(kubectl, await mkdtemp(path.join(tmpdir(), "holdfast-identified-")));
  }

  /** PEM: what a sidecar is told at injection. */
  get trust(): string {
    return this.#trust;
  }

  /** From now on this one is asked; waits until its doors are open. */
  async use(operator: OperatorProcess): Promise<void> {
    this.#operator = operator;
    const args = ["get", "secret", "holdfast-ca-operator", "-n", operatorNamespace];
    const read = () => this.#kubectl.run([...args, "-o", "jsonpath={.data.ca\\.crt}"]);
    this.#trust = Buffer.from(await until("the authority", read), "base64").toString();
    await until("the doors", async () => (await operator.health.get("/readyz")).status === 200);
  }

  async door(): Promise<string> {
    if (this.#operator === undefined) throw new Error("no operator is used");
    return firstOf((await this.#operator.said("listening"))["identityDoor"]);
  }

  async ask(question: Question): Promise<Answer> {
    return askIdentity(await this.door(), this.#trust, question);
  }

  async pod(name: string, namespace: string): Promise<void> {
    const spec = { containers: [{ name: "app", image: "app" }] };
    const manifest = { apiVersion: "v1", kind: "Pod", metadata: { name, namespace }, spec };
    const account = ["get", "serviceaccount", "default", "-n", namespace];
    await until("the service account", () => this.#kubectl.run(account));
    await this.#kubectl.run(["apply", "-f", "-"], JSON.stringify(manifest));
  }

  /** Bound to that pod. */
  async token(name: string, namespace: string, audience = identityAudience): Promise<string> {
    const bound = ["--bound-object-kind=Pod", `--bound-object-name=${name}`];
    const create = ["create", "token", "default", "-n", namespace, `--audience=${audience}`];
    return (await this.#kubectl.run([...create, ...bound])).trim();
  }

  stateOf(name: string): Promise<string> {
    return mkdtemp(path.join(this.folder, `${name}-`));
  }

  /** Its etcd is wherever the operator says. */
  async settings({ namespace = "shop", token, state, env = {} }: Wanted): Promise<SidecarOptions> {
    const tokenFile = path.join(this.folder, `${path.basename(state)}.token`);
    await writeFile(tokenFile, token);
    return {
      etcd: "http://127.0.0.1:1",
      pod: path.basename(state),
      env: {
        HOLDFAST_NAMESPACE: namespace,
        HOLDFAST_IDENTITY: `https://${await this.door()}`,
        HOLDFAST_IDENTITY_TRUST: this.#trust,
        HOLDFAST_IDENTITY_TOKEN: tokenFile,
        HOLDFAST_STATE_FOLDER: state,
        HOLDFAST_TERMINATION_LOG: path.join(this.folder, "termination-log"),
        HOLDFAST_SESSION_TTL: "3s",
        ...env,
      },
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}
