/** What a server of node:http and one of ours take the same bytes for. */
import { once } from "node:events";
import http from "node:http";
import { connect, type AddressInfo } from "node:net";
import { address } from "#host/address.ts";
import type { Exchange } from "#host/http/exchange.ts";
import { HttpServer } from "#host/http/server.ts";
import { bytesOf } from "./request-bytes.ts";

export interface Taken {
  readonly method: string;
  readonly target: string;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

export interface Heard {
  /** The requests that came whole, in their order. */
  readonly requests: readonly Taken[];
  /** All that was answered. */
  readonly said: string;
}

export interface Peer extends AsyncDisposable {
  /** Sends `text` on a connection of its own, and closes it for sending. */
  send(text: string): Promise<Heard>;
}

/** One connection at a time, so what is heard is of that one. */
function peer(port: number, taken: Taken[], close: () => Promise<void>): Peer {
  return {
    async send(text) {
      taken.length = 0;
      let said = "";
      const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
      socket.on("data", (bytes: Buffer) => (said += bytes.toString("latin1")));
      socket.on("end", () => socket.end());
      // A refused client may be cut off.
      socket.on("error", () => undefined);
      socket.end(bytesOf(text));
      await once(socket, "close");
      return { requests: [...taken], said };
    },
    [Symbol.asyncDispose]: close,
  };
}

export async function ourPeer(): Promise<Peer> {
  const taken: Taken[] = [];
  const take = (exchange: Exchange, body: string): void => {
    const { method, target, rawHeaders } = exchange.request;
    taken.push({ method, target, rawHeaders, body });
    exchange.answer({ status: 204 });
  };
  const server = await HttpServer.start({
    address: address("127.0.0.1:0"),
    option: { env: "NONE" },
    serve(exchange) {
      if (exchange.request.bodyLength === 0) take(exchange, "");
      else
        exchange.readBody((body) => {
          if (body === "tooLarge") exchange.answer({ status: 413 });
          else take(exchange, body.toString("latin1"));
        });
    },
  });
  return peer(server.port ?? 0, taken, () => server.close());
}

export async function nodePeer(): Promise<Peer> {
  const taken: Taken[] = [];
  const server = http.createServer({ requireHostHeader: false, maxHeaderSize: 16_384 });
  server.maxHeadersCount = 100;
  const serve = (req: http.IncomingMessage, res: http.ServerResponse): void => {
    let body = "";
    req.on("data", (bytes: Buffer) => (body += bytes.toString("latin1")));
    req.on("error", () => undefined);
    req.on("end", () => {
      const { method = "", url = "", rawHeaders } = req;
      taken.push({ method, target: url, rawHeaders, body });
      res.writeHead(204).end();
    });
  };
  server.on("request", serve);
  server.on("checkContinue", serve);
  server.on("checkExpectation", (_req, res: http.ServerResponse) => res.writeHead(400).end());
  server.on("connect", (_req, socket) => socket.end());
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    if (socket.writable) socket.end(`HTTP/1.1 400 ${error.code ?? ""}\r\n\r\n`);
    else socket.destroy();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return peer((server.address() as AddressInfo).port, taken, async () => {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  });
}
