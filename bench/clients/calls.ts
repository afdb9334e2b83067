/** What a gRPC client is to those who ask etcd here: `grpc.ts` has the leanest, `grpc-js.ts` the one that most would take. */
export interface Calls {
  /** Rejects where the status is not OK. */
  call(path: string, message: Uint8Array): Promise<Buffer>;
}
