/** The store port on a real etcd: the client, with writes that ride together. */
import type { Outcome } from "#core/outcome.ts";
import type { Runtime } from "#core/runtime.ts";
import type {
  Changes,
  KeyRange,
  Leases,
  RangeRead,
  Revision,
  Snapshot,
  Store,
  Wait,
  Write,
  WriteResult,
} from "#core/store.ts";
import { type EtcdParts, EtcdClient } from "./client.ts";
import { GroupCommit } from "./group-commit.ts";

export class EtcdStore implements Store, AsyncDisposable {
  readonly client: EtcdClient;
  readonly #commits: GroupCommit;
  #closed: Promise<void> | undefined;

  private constructor(client: EtcdClient, runtime: Runtime) {
    this.client = client;
    this.#commits = new GroupCommit(client, {
      turn: (run) => {
        runtime.turn(run);
      },
    });
  }

  /** Waits for nothing: while etcd is down, writes are refused as not sent, and reads wait. */
  static async start(parts: EtcdParts, signal: AbortSignal): Promise<EtcdStore> {
    return new EtcdStore(await EtcdClient.start(parts, signal), parts.runtime);
  }

  get leases(): Leases {
    return this.client.leases;
  }

  /** How many writes wait for a batch. */
  get writesWaiting(): number {
    return this.#commits.waiting;
  }

  write(write: Write): Promise<Outcome<WriteResult>> {
    return this.#commits.write(write);
  }

  read(ranges: readonly RangeRead[], wait: Wait, atLeast?: Revision): Promise<Outcome<Snapshot>> {
    return this.client.read(ranges, wait, atLeast);
  }

  watch(range: KeyRange, from: Revision, signal: AbortSignal): AsyncIterable<Changes> {
    return this.client.watch(range, from, signal);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What waits is refused, what is under way ends with its answer or within etcd's time; then the client ends. */
  async #close(): Promise<void> {
    await this.#commits.close();
    await this.client.close();
  }
}
