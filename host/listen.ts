/**
 * Puts a server on an address of ours: one server a socket, all of the same kind. A port that is taken is told
 * together with the option that changes it.
 */
import { connect, type ListenOptions, type Server } from "node:net";
import type { Address } from "./address.ts";
import { flagOf } from "./options.ts";

export interface Listening<S extends Server> {
  readonly servers: readonly S[];
  /** As a client would write them: `127.0.0.1:4653`, `[::1]:4653`, `unix:/run/holdfast.sock`. */
  readonly addresses: readonly string[];
  /** Undefined: not on TCP. */
  readonly port: number | undefined;
}

/** The address cannot be had; the message names the option that changes it. It ends the process. */
export class ListenRefused extends Error {
  override readonly name = "ListenRefused";
}

export interface ListenParts<S extends Server> {
  readonly address: Address;
  /** The option that the address came from. */
  readonly option: { readonly env: string };
  /** Makes one server, not yet listening. */
  readonly make: () => S;
}

/** Of pairs of families that cannot agree on a free port. */
const portTriesMax = 20;
const probeMs = 1_000;

/** All of the address's sockets listen, or none and {@link ListenRefused} is thrown. */
export async function listen<S extends Server>(parts: ListenParts<S>): Promise<Listening<S>> {
  const { address } = parts;
  switch (address.kind) {
    case "off":
      return { servers: [], addresses: [], port: undefined };
    case "unix":
      return listenUnix(parts, address.path);
    case "all":
      return listenOne(parts, { port: address.port });
    case "host":
      return listenOne(parts, { host: address.host, port: address.port });
    case "loopback":
      return listenLoopback(parts, address.port);
    default:
      return address satisfies never;
  }
}

async function listenOne<S extends Server>(
  parts: ListenParts<S>,
  on: ListenOptions,
): Promise<Listening<S>> {
  const server = await open(parts, on);
  return listening([server]);
}

async function listenLoopback<S extends Server>(
  parts: ListenParts<S>,
  port: number,
): Promise<Listening<S>> {
  for (let tries = 1; ; tries++) {
    const v4 = await openIfThere(parts, { host: "127.0.0.1", port });
    const picked = v4 === undefined ? port : portOf(v4);
    try {
      const v6 = await openIfThere(parts, { host: "::1", port: picked });
      const servers = [v4, v6].filter((server) => server !== undefined);
      if (servers.length > 0) return listening(servers);
      throw new ListenRefused(`This machine has no loopback address. ${change(parts)}`);
    } catch (error) {
      // The port was free on one family only; where any will do, another one is picked.
      await close(v4);
      if (port !== 0 || tries >= portTriesMax || !(error instanceof ListenRefused)) throw error;
    }
  }
}

async function listenUnix<S extends Server>(
  parts: ListenParts<S>,
  path: string,
): Promise<Listening<S>> {
  await removeStale(path, parts);
  const server = await open(parts, { path });
  return { servers: [server], addresses: [`unix:${path}`], port: undefined };
}

/** A socket file whose process is gone is left behind by a kill; anything else at the path is not ours to remove. */
async function removeStale(path: string, parts: ListenParts<Server>): Promise<void> {
  // Loaded where it is needed only.
  const { lstat, unlink } = await import("node:fs/promises");
  const found = await lstat(path).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return undefined;
    throw new ListenRefused(`${path} cannot be used: ${messageOf(error)}. ${change(parts)}`);
  });
  if (found === undefined) return;
  if (!found.isSocket())
    throw new ListenRefused(`${path} exists and is no socket. ${change(parts)}`);
  if (await answers(path))
    throw new ListenRefused(`${path} is in use by another process. ${change(parts)}`);
  await unlink(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(probeMs, () => {
      end(true);
    });
    socket.once("connect", () => {
      end(true);
    });
    socket.once("error", (error) => {
      end(codeOf(error) !== "ECONNREFUSED");
    });
  });
}

const noSuchFamily = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL"]);

async function openIfThere<S extends Server>(
  parts: ListenParts<S>,
  on: ListenOptions,
): Promise<S | undefined> {
  try {
    return await open(parts, on);
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (noSuchFamily.has(codeOf(cause) ?? "")) return undefined;
    throw error;
  }
}

function open<S extends Server>(parts: ListenParts<S>, on: ListenOptions): Promise<S> {
  const server = parts.make();
  return new Promise((resolve, reject) => {
    const refuse = (error: Error) => {
      reject(new ListenRefused(refusalOf(error, on, parts), { cause: error }));
    };
    server.once("error", refuse);
    server.listen(on, () => {
      server.off("error", refuse);
      resolve(server);
    });
  });
}

function refusalOf(error: Error, on: ListenOptions, parts: ListenParts<Server>): string {
  const where = on.path ?? `${on.host ?? "all addresses"}, port ${String(on.port)}`;
  switch (codeOf(error)) {
    case "EADDRINUSE":
      return `${where} is taken by another process. ${change(parts)}`;
    case "EACCES":
      return `${where} is not allowed for this user. ${change(parts)}`;
    default:
      return `Cannot listen on ${where}: ${error.message}. ${change(parts)}`;
  }
}

function change(parts: { readonly option: { readonly env: string } }): string {
  return `Choose another address by ${parts.option.env} or ${flagOf(parts.option)} (port 0 picks a free one).`;
}

function listening<S extends Server>(servers: readonly S[]): Listening<S> {
  const addresses = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === "string") return address ?? "closed";
    const host = address.family === "IPv6" ? `[${address.address}]` : address.address;
    return `${host}:${String(address.port)}`;
  });
  const first = servers[0];
  return { servers, addresses, port: first === undefined ? undefined : portOf(first) };
}

function portOf(server: Server): number {
  const address = server.address();
  return address !== null && typeof address === "object" ? address.port : 0;
}

function close(server: Server | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (server === undefined) resolve();
    else
      server.close(() => {
        resolve();
      });
  });
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
