/** A real etcd of the contract: each client speaks to it through a proxy of its own, which makes the network bad. */
import type { Outcome } from "#core/outcome.ts";
import type { Revision } from "#core/store.ts";
import type { Runtime } from "#core/runtime.ts";
import type { TxnPort } from "#etcd/batch.ts";
import { methods } from "#etcd/methods.ts";
import { EtcdStore } from "#etcd/store.ts";
import { realRuntime } from "#host/runtime.ts";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { freePorts, giveBack } from "#test/support/free-ports.ts";
import { TcpProxy } from "#test/support/tcp-proxy.ts";
import type { EtcdMinor } from "#tools/fetch.ts";
import type { Client, Etcd } from "./store/trial.ts";

const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore };

function ignore(): void {
  // What the client logs while it is cut off is expected here.
}

export class RealEtcd implements Etcd {
  readonly runtime: Runtime = realRuntime(silent);
  readonly #server: EtcdServer;
  readonly #admin: EtcdStore;

  private constructor(server: EtcdServer, admin: EtcdStore) {
    this.#server = server;
    this.#admin = admin;
  }

  /** Throws `ToolMissing` where that version cannot be had. */
  static async start(version: EtcdMinor): Promise<RealEtcd> {
    const server = await EtcdServer.start({ version, noFsync: true });
    const runtime = realRuntime(silent);
    const { signal } = new AbortController();
    return new RealEtcd(
      server,
      await EtcdStore.start({ runtime, endpoints: server.endpoints }, signal),
    );
  }

  async connect(): Promise<Client> {
    const proxy = await TcpProxy.before(this.#server.endpoint);
    return this.#client(proxy.endpoint, proxy);
  }

  /** What sends a client's transactions as they are. */
  portOf(client: Client): TxnPort {
    if (!(client.store instanceof EtcdStore)) throw new Error("this is no client of a real etcd");
    return client.store.client;
  }

  async unreachable(): Promise<Client> {
    const [port = 0] = await freePorts(1);
    const client = await this.#client(`http://127.0.0.1:${String(port)}`, undefined);
    giveBack([port]);
    return client;
  }

  async compact(at: Revision): Promise<void> {
    const { caller } = this.#admin.client;
    const reply: Outcome<unknown> | { readonly kind: "answered" } = await caller.ask(
      methods.compact,
      { revision: at, physical: true },
      caller.forWrites,
    );
    if (reply.kind !== "answered") throw new Error(JSON.stringify(reply));
  }

  settle<T>(promise: Promise<T>): Promise<T> {
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#admin.close();
    await this.#server[Symbol.asyncDispose]();
  }

  async #client(endpoint: string, proxy: TcpProxy | undefined): Promise<Client> {
    const { signal } = new AbortController();
    const store = await EtcdStore.start({ runtime: this.runtime, endpoints: [endpoint] }, signal);
    return {
      store,
      cutAnswers: () => proxy?.cutAnswers(),
      cutRequests: () => proxy?.cutRequests(),
      heal: async () => proxy?.heal(),
      [Symbol.asyncDispose]: async () => {
        await store.close();
        await proxy?.[Symbol.asyncDispose]();
      },
    };
  }
}
