/**
 * The socket to an endpoint, in the clear or by TLS. TLS is loaded where an endpoint asks for it and nowhere else: with all
 * of Node's crypto it takes more memory than the rest of an idle sidecar's own.
 */
import { connect as connectTcp, isIP, type Socket } from "node:net";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import type { TlsMaterial } from "../tls.ts";

export interface Place {
  /** `http://host:port` or `https://host:port`. */
  readonly endpoint: string;
  readonly tls?: TlsMaterial | undefined;
}

export interface SocketEvents {
  /** `problem`: it is of no use. */
  connected(problem: string | undefined): void;
  /** Good only until it returns. */
  received(bytes: Uint8Array): void;
}

export type Dial = (hears: SocketEvents) => Socket;

/** All of a connection's bytes arrive here, a piece after the other. */
const receiveBytes = 64 * 1024;

/** Loads what is needed; nothing is connected yet. */
export async function dialOf({ endpoint, tls }: Place): Promise<Dial> {
  const url = new URL(endpoint);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const secure = url.protocol === "https:";
  const port = url.port === "" ? (secure ? 443 : 80) : Number(url.port);
  if (!secure) {
    return (hears) => {
      const socket = connectTcp({ host, port, noDelay: true, ...onread(hears) });
      return socket.once("connect", () => {
        hears.connected(undefined);
      });
    };
  }
  const { connect: connectTls } = await import("node:tls");
  const name = isIP(host) === 0 ? { servername: host } : {};
  const options: ConnectionOptions = { host, port, ALPNProtocols: ["h2"], ...name, ...tls };
  return (hears) => {
    const socket = connectTls({ ...options, ...onread(hears) });
    return socket.once("secureConnect", () => {
      hears.connected(problemOf(socket));
    });
  };
}

function problemOf({ alpnProtocol }: TLSSocket): string | undefined {
  if (alpnProtocol === "h2") return undefined;
  const chosen = alpnProtocol === false || alpnProtocol === null ? "nothing" : alpnProtocol;
  return `the server does not speak HTTP/2: of what was offered by TLS (ALPN h2) it chose ${chosen}`;
}

/** One buffer for all that arrives, instead of one for each piece. */
function onread(hears: SocketEvents) {
  return {
    onread: {
      buffer: new Uint8Array(receiveBytes),
      callback: (sizeBytes: number, buffer: Uint8Array) => {
        hears.received(buffer.subarray(0, sizeBytes));
        return true;
      },
    },
  };
}
