/** The model as an etcd of the contract: in virtual time, which passes only while something is waited for. */
import type { Revision } from "#core/store.ts";
import { EtcdModel } from "#test/support/etcd-model/server.ts";
import { ModelStore } from "#test/support/etcd-model/model-store.ts";
import type { Link } from "#test/support/etcd-model/link.ts";
import type { UncertainLink } from "#test/support/etcd-model/uncertain-link.ts";
import type { VirtualRuntime } from "#test/support/world/virtual-runtime.ts";
import { World } from "#test/support/world/world.ts";
import type { Client, Etcd } from "./store/trial.ts";

export interface ModelKind {
  /** How a client is linked; a direct link has no network that could be cut. */
  readonly link: (server: EtcdModel, client: VirtualRuntime) => UncertainLink;
  readonly store?: (link: Link) => ModelStore;
}

export class ModelEtcd implements Etcd {
  readonly runtime: VirtualRuntime;
  readonly #world: World;
  readonly #server: EtcdModel;
  readonly #kind: ModelKind;
  #clients = 0;

  constructor(seed: string, kind: ModelKind) {
    this.#world = new World(seed);
    this.#kind = kind;
    this.#server = new EtcdModel({ runtime: this.#world.runtime("etcd") });
    this.runtime = this.#world.runtime("test", { monotonicOffsetMs: 0 });
  }

  connect(): Promise<Client> {
    return Promise.resolve(this.#client().client);
  }

  unreachable(): Promise<Client> {
    const { client, link } = this.#client();
    link.refuse({ code: "notSent", message: "no endpoint is reachable" });
    return Promise.resolve(client);
  }

  compact(at: Revision): Promise<void> {
    this.#server.compact(at);
    return Promise.resolve();
  }

  settle<T>(promise: Promise<T>): Promise<T> {
    return this.#world.until(promise);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  /** The client's clock is the test's, so that deadlines can be handed over. */
  #client(): { readonly client: Client; readonly link: UncertainLink } {
    const runtime = this.#world.runtime(`client-${String(++this.#clients)}`, {
      monotonicOffsetMs: 0,
    });
    const link = this.#kind.link(this.#server, runtime);
    const store = this.#kind.store?.(link) ?? new ModelStore(link);
    const client: Client = {
      store,
      cutAnswers: () => link.cut("answers", "lost"),
      cutRequests: () => link.cut("requests", "lost"),
      heal: () => {
        link.heal();
        return Promise.resolve();
      },
      [Symbol.asyncDispose]: () => {
        runtime.kill();
        return Promise.resolve();
      },
    };
    return { client, link };
  }
}
