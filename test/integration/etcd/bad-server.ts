/**
 * An HTTP/2 server that does with a call what a test says, and a small part of an etcd for what precedes it: it lets a
 * client in, and answers status and transactions that do nothing.
 */
import http2 from "node:http2";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import {
  type ResponseHeader,
  StatusResponse,
  TxnRequest,
  TxnResponse,
} from "#etcd/codec/etcdserverpb/rpc.ts";
import { Deframer, frame } from "#etcd/http2/message.ts";

export interface Call {
  readonly path: string;
  readonly message: Uint8Array;
  readonly stream: http2.ServerHttp2Stream;
  readonly session: http2.ServerHttp2Session;
}

/** True: the call was dealt with. */
export type Behaviour = (call: Call) => boolean;

const anyHeader: ResponseHeader = { clusterId: 77n, memberId: 1n, revision: 5n, raftTerm: 1n };

export class BadServer implements AsyncDisposable {
  readonly endpoint: string;
  /** How many calls came, by path. */
  readonly calls = new Map<string, number>();
  readonly #server: http2.Http2Server;
  readonly #sessions = new Set<http2.ServerHttp2Session>();

  private constructor(
    server: http2.Http2Server,
    { behaviour, header }: { behaviour: Behaviour; header: ResponseHeader },
  ) {
    this.#server = server;
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("session", (session: http2.ServerHttp2Session) => {
      this.#sessions.add(session);
      session.on("close", () => this.#sessions.delete(session));
      session.on("error", ignore);
    });
    server.on("stream", (stream, headers) => {
      const path = headers[":path"] ?? "";
      this.calls.set(path, (this.calls.get(path) ?? 0) + 1);
      stream.on("error", ignore);
      const deframer = new Deframer();
      stream.on("data", (chunk: Buffer) => {
        for (const message of deframer.push(chunk)) {
          const call = {
            path,
            message,
            stream,
            session: stream.session as http2.ServerHttp2Session,
          };
          if (!behaviour(call)) answerAsEtcd(call, header);
        }
      });
    });
  }

  static async start(behaviour: Behaviour, header = anyHeader): Promise<BadServer> {
    const server = http2.createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new BadServer(server, { behaviour, header });
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const session of this.#sessions) session.destroy();
    await closed;
  }
}

/** Answers with one message and status OK. */
export function answer({ stream }: Call, message: Uint8Array): void {
  if (stream.destroyed || stream.closed) return;
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(frame(message));
}

/** Ends the call with a status and nothing else, in one header block. */
export function endWith({ stream }: Call, status: number, message: string): void {
  stream.respond(
    { ":status": 200, "grpc-status": String(status), "grpc-message": encodeURIComponent(message) },
    { endStream: true },
  );
}

/** Whether it is the transaction by which the client looks at a new connection. */
export function isProbe({ path, message }: Call): boolean {
  if (path !== "/etcdserverpb.KV/Txn") return false;
  const [only] = TxnRequest.decode(message).success;
  return only?.request?.$case === "requestTxn" && only.request.value.success.length === 0;
}

export function isWrite(call: Call): boolean {
  return call.path === "/etcdserverpb.KV/Txn" && !isProbe(call);
}

function answerAsEtcd(call: Call, header: ResponseHeader): void {
  const empty = { header, succeeded: true, responses: [] };
  if (call.path === "/etcdserverpb.Maintenance/Status") {
    answer(call, StatusResponse.encode({ header, ...status }).finish());
  } else if (isProbe(call)) {
    const response = { $case: "responseTxn", value: { ...empty, header: undefined } } as const;
    answer(call, TxnResponse.encode({ ...empty, responses: [{ response }] }).finish());
  } else if (call.path === "/etcdserverpb.KV/Txn") {
    answer(call, TxnResponse.encode(empty).finish());
  }
}

const status: Omit<StatusResponse, "header"> = {
  version: "3.7.3",
  dbSize: 1n,
  leader: 1n,
  raftIndex: 1n,
  raftTerm: 1n,
  raftAppliedIndex: 1n,
  errors: [],
  dbSizeInUse: 1n,
  isLearner: false,
  storageVersion: "",
  dbSizeQuota: 0n,
  downgradeInfo: undefined,
};

function ignore(): void {
  return undefined;
}
