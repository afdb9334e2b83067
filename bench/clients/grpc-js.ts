/** `@grpc/grpc-js`, which a Node app would take: one channel, and messages that are encoded already, which is that client at its best. */
import grpc from "@grpc/grpc-js";
import type { Calls } from "./calls.ts";

const asBytes = (bytes: Buffer): Buffer => bytes;

export function grpcJsCalls(endpoint: string): Calls {
  const client = new grpc.Client(new URL(endpoint).host, grpc.credentials.createInsecure());
  return {
    call: (path, message) =>
      new Promise((resolve, reject) => {
        const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
        client.makeUnaryRequest(path, asBytes, asBytes, bytes, (error, answer) => {
          if (error !== null) reject(error);
          else if (answer === undefined) reject(new Error(`${path}: no answer`));
          else resolve(answer);
        });
      }),
  };
}
