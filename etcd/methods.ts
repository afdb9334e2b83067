/** The calls of etcd that are made, each with its path and its codec. */
import * as rpc from "./codec/etcdserverpb/rpc.ts";

export interface Method<Request, Response> {
  readonly path: string;
  encode(request: Request): Uint8Array;
  decode(message: Uint8Array): Response;
}

interface Codec<Message> {
  encode(message: Message): { finish(): Uint8Array };
  decode(message: Uint8Array): Message;
}

function method<Request, Response>(
  path: string,
  request: Codec<Request>,
  response: Codec<Response>,
): Method<Request, Response> {
  return {
    path: `/etcdserverpb.${path}`,
    encode: (message) => request.encode(message).finish(),
    decode: (message) => response.decode(message),
  };
}

export const methods = {
  txn: method("KV/Txn", rpc.TxnRequest, rpc.TxnResponse),
  compact: method("KV/Compact", rpc.CompactionRequest, rpc.CompactionResponse),
  watch: method("Watch/Watch", rpc.WatchRequest, rpc.WatchResponse),
  leaseGrant: method("Lease/LeaseGrant", rpc.LeaseGrantRequest, rpc.LeaseGrantResponse),
  leaseRevoke: method("Lease/LeaseRevoke", rpc.LeaseRevokeRequest, rpc.LeaseRevokeResponse),
  leaseKeepAlive: method(
    "Lease/LeaseKeepAlive",
    rpc.LeaseKeepAliveRequest,
    rpc.LeaseKeepAliveResponse,
  ),
  leaseTimeToLive: method(
    "Lease/LeaseTimeToLive",
    rpc.LeaseTimeToLiveRequest,
    rpc.LeaseTimeToLiveResponse,
  ),
  authenticate: method("Auth/Authenticate", rpc.AuthenticateRequest, rpc.AuthenticateResponse),
  status: method("Maintenance/Status", rpc.StatusRequest, rpc.StatusResponse),
  alarm: method("Maintenance/Alarm", rpc.AlarmRequest, rpc.AlarmResponse),
  defragment: method("Maintenance/Defragment", rpc.DefragmentRequest, rpc.DefragmentResponse),
} as const;
