/**
 * The leanest gRPC client that Node can have, for calls with one answer: one connection for all callers, a stream a call.
 */
import http2 from "node:http2";
import type { Calls } from "./calls.ts";

const prefixBytes = 5;
const windowBytes = 16 * 1024 * 1024;

export class GrpcConnection implements Calls {
  readonly #session: http2.ClientHttp2Session;

  private constructor(session: http2.ClientHttp2Session) {
    this.#session = session;
  }

  static open(endpoint: string): Promise<GrpcConnection> {
    return new Promise((resolve, reject) => {
      const session = http2.connect(endpoint);
      session.once("error", reject);
      session.once("remoteSettings", () => {
        session.setLocalWindowSize(windowBytes);
        resolve(new GrpcConnection(session));
      });
    });
  }

  call(path: string, message: Uint8Array): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request({
        ":method": "POST",
        ":path": path,
        "content-type": "application/grpc",
        te: "trailers",
      });
      let received: Buffer | undefined;
      let status: unknown;
      let why = "";
      const read = (headers: http2.IncomingHttpHeaders): void => {
        if (headers["grpc-status"] === undefined) return;
        status = headers["grpc-status"];
        why = String(headers["grpc-message"]);
      };
      stream.on("response", read);
      stream.on("trailers", read);
      stream.on("data", (chunk: Buffer) => {
        received = received === undefined ? chunk : Buffer.concat([received, chunk]);
      });
      stream.on("error", reject);
      stream.on("close", () => {
        if (status === "0" && received !== undefined) resolve(received.subarray(prefixBytes));
        else reject(new Error(`${path}: status ${String(status)} ${why}`));
      });
      stream.end(framed(message));
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#session.close(() => {
        resolve();
      });
    });
  }
}

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(prefixBytes + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, prefixBytes);
  return frame;
}
