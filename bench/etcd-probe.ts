/** What a benchmark asks etcd itself, beside those whom it measures. */
import { prefixRange, type KeyRange } from "#core/store.ts";
import {
  CompactionRequest,
  RangeRequest,
  RangeResponse,
  StatusRequest,
  StatusResponse,
} from "#etcd/codec/etcdserverpb/rpc.ts";
import { rangeRequest } from "#etcd/txn.ts";
import { GrpcConnection } from "./clients/grpc.ts";

export class EtcdProbe implements AsyncDisposable {
  readonly #connection: GrpcConnection;

  private constructor(connection: GrpcConnection) {
    this.#connection = connection;
  }

  static async connect(endpoint: string): Promise<EtcdProbe> {
    return new EtcdProbe(await GrpcConnection.open(endpoint));
  }

  /**
   * Lets etcd forget its history, so that a measurement does not pay for the one before it: what etcd keeps makes each of its
   * calls dearer. Resolves when it is gone from the disk, too.
   */
  async forget(): Promise<void> {
    const { header } = await this.#range(prefixRange("a"));
    const revision = header?.revision ?? 0n;
    const request = CompactionRequest.encode({ revision, physical: true }).finish();
    try {
      await this.#connection.call("/etcdserverpb.KV/Compact", request);
    } catch (error) {
      // Nothing was written since the last time.
      if (!String(error).includes("compacted")) throw error;
    }
  }

  async count(range: KeyRange): Promise<number> {
    return Number((await this.#range(range)).count);
  }

  /** Of the keys and their history, on the disk. */
  async usedMib(): Promise<number> {
    const request = StatusRequest.encode({}).finish();
    const answer = await this.#connection.call("/etcdserverpb.Maintenance/Status", request);
    return Math.round(Number(StatusResponse.decode(answer).dbSizeInUse) / 2 ** 20);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#connection.close();
  }

  async #range(range: KeyRange): Promise<RangeResponse> {
    const request = RangeRequest.encode(rangeRequest({ ...range, countOnly: true })).finish();
    return RangeResponse.decode(await this.#connection.call("/etcdserverpb.KV/Range", request));
  }
}
