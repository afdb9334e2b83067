/** Plays the operator for a sidecar that gets its resources from etcd: writes the spec tree of the default namespace. */
import type { EtcdGateway } from "./etcd-gateway.ts";

export interface RecordInput {
  readonly level?: number;
  readonly generation?: number;
  readonly spec?: unknown;
}

export class Operator {
  /** Of fences. */
  base = BigInt(Date.now()) * 10n;
  readonly #etcd: EtcdGateway;

  constructor(etcd: EtcdGateway) {
    this.#etcd = etcd;
  }

  /** Owns the tree, and sets its base. */
  async install(): Promise<void> {
    await this.#etcd.put("/holdfast/v1/spec/installation", {
      owner: "operator",
      base: this.base.toString(),
      cluster: BigInt(await this.#etcd.clusterId()).toString(16),
    });
  }

  /** A Mutex of level 1 and generation 1, unless something else is said. */
  async publish(name: string, record: RecordInput = {}): Promise<void> {
    await this.#etcd.put(keyOf(name), {
      ...{ uid: `uid-${name}`, level: 1, generation: 1, publishedAt: Date.now() },
      spec: { mode: "Mutex" },
      ...record,
    });
  }

  async unpublish(name: string): Promise<void> {
    await this.#etcd.delete(keyOf(name));
  }
}

function keyOf(name: string): string {
  return `/holdfast/v1/spec/default/DistributedLock/${name}`;
}
