/**
 * Lets etcd forget its history, so that a measurement does not pay for the one before it: what etcd keeps makes each of its
 * calls dearer.
 */
import {
  CompactionRequest,
  RangeRequest,
  RangeRequest_SortOrder,
  RangeRequest_SortTarget,
  RangeResponse,
} from "#etcd/codec/etcdserverpb/rpc.ts";
import { GrpcConnection } from "./clients/grpc.ts";

export class History implements AsyncDisposable {
  readonly #connection: GrpcConnection;

  private constructor(connection: GrpcConnection) {
    this.#connection = connection;
  }

  static async connect(endpoint: string): Promise<History> {
    return new History(await GrpcConnection.open(endpoint));
  }

  /** Resolves when it is gone from the disk, too. */
  async forget(): Promise<void> {
    const revision = await this.#revision();
    const request = CompactionRequest.encode({ revision, physical: true }).finish();
    try {
      await this.#connection.call("/etcdserverpb.KV/Compact", request);
    } catch (error) {
      // Nothing was written since the last time.
      if (!String(error).includes("compacted")) throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#connection.close();
  }

  async #revision(): Promise<bigint> {
    const request = RangeRequest.encode({
      key: "a",
      rangeEnd: "",
      limit: 1n,
      revision: 0n,
      sortOrder: RangeRequest_SortOrder.NONE,
      sortTarget: RangeRequest_SortTarget.KEY,
      serializable: false,
      keysOnly: true,
      countOnly: false,
      minModRevision: 0n,
      maxModRevision: 0n,
      minCreateRevision: 0n,
      maxCreateRevision: 0n,
    }).finish();
    const answer = await this.#connection.call("/etcdserverpb.KV/Range", request);
    return RangeResponse.decode(answer).header?.revision ?? 0n;
  }
}
