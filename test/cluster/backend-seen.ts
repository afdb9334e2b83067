/** Backends and the Secrets beside them, as kubectl writes and shows them. */
import assert from "node:assert/strict";
import { apiVersion } from "#api/names.ts";
import type { BackendStatus } from "#api/resources/backend.ts";
import { accessName } from "#operator/etcd-admin/namespace-access.ts";
import { operatorNamespace } from "#test/support/kube/operator-role.ts";
import type { Kubectl } from "#tools/cluster/kubectl.ts";
import { until } from "#tools/cluster/until.ts";

export interface BackendCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  readonly lastTransitionTime: string;
}

export interface BackendSeen {
  readonly metadata: { readonly generation: number; readonly resourceVersion: string };
  readonly spec: unknown;
  readonly status?: {
    readonly version?: string;
    readonly members?: number;
    readonly sizeBytes?: number;
    readonly quotaBytes?: number;
    readonly sidecars?: BackendStatus["sidecars"];
    readonly conditions?: readonly BackendCondition[];
  };
}

interface Of {
  readonly name: string;
  readonly namespace: string;
}

const used: Of = { name: "default", namespace: operatorNamespace };

export class BackendDesk {
  readonly #kubectl: Kubectl;

  constructor(kubectl: Kubectl) {
    this.#kubectl = kubectl;
  }

  async get({ name, namespace }: Of = used): Promise<BackendSeen> {
    const args = ["get", "hfbackend", name, "-n", namespace, "-o", "json"];
    return JSON.parse(await this.#kubectl.run(args)) as BackendSeen;
  }

  /** `spec` beside the type. */
  put(spec: object, { name, namespace }: Of = used): Promise<void> {
    return this.#apply({
      ...{ apiVersion, kind: "Backend", metadata: { name, namespace } },
      spec: { type: "etcd", ...spec },
    });
  }

  secret(name: string, stringData: Readonly<Record<string, string>>): Promise<void> {
    const metadata = { name, namespace: operatorNamespace };
    return this.#apply({ apiVersion: "v1", kind: "Secret", metadata, stringData });
  }

  /** Of the namespace's user in etcd; undefined: it has no Secret, or the user is just being made. */
  async passwordOf(namespace: string): Promise<string | undefined> {
    const args = ["get", "secret", `holdfast-etcd-user.${namespace}`, "-n", operatorNamespace];
    const { code, out } = await this.#kubectl.ask([...args, "-o", "json"]);
    if (code !== 0) return undefined;
    const { data } = JSON.parse(out) as { data: { username: string; password: string } };
    const [user, password] = [data.username, data.password].map((one) =>
      Buffer.from(one, "base64").toString(),
    );
    assert.equal(user, accessName(namespace));
    return password === "" ? undefined : password;
  }

  /** The condition, once it is `True Ready` or whatever is wanted, of the generation that there is. */
  says(type: string, wanted: string, of: Of = used): Promise<BackendCondition> {
    return until(`${type} of Backend ${of.name} to be ${wanted}`, async () => {
      const { metadata, status } = await this.get(of);
      const found = status?.conditions?.find((one) => one.type === type);
      const isNow = found?.observedGeneration === metadata.generation;
      if (isNow && `${found.status} ${found.reason}` === wanted) return found;
      throw new Error(JSON.stringify(status?.conditions));
    });
  }

  /** Reasons of the Events about Backends. */
  async events(): Promise<string[]> {
    const text = await this.#kubectl.run(["get", "events.events.k8s.io", "-A", "-o", "json"]);
    const { items } = JSON.parse(text) as {
      items: { reason: string; regarding: { kind: string } }[];
    };
    return items.filter(({ regarding }) => regarding.kind === "Backend").map((one) => one.reason);
  }

  async #apply(object: object): Promise<void> {
    await this.#kubectl.run(["apply", "-f", "-"], JSON.stringify(object));
  }
}
