/**
 * A TCP proxy between a client and one server that makes the network bad, each direction by itself:
 *
 * - `delay`: every byte comes later, in order.
 * - `hold`: bytes wait in the proxy; `heal` lets them go on. A slow network, as TCP hides it.
 * - `cut`: bytes are lost, and so is what follows on that connection: a stream with a hole cannot go on. Both ends see
 *   an open, silent connection until `heal` resets it. "Applied, but the answer never came" is `cutAnswers`.
 * - `refuse`: nobody listens; connections that stand go on. `reset`: all connections end at once, with a reset.
 */
import { createServer, connect, type Server, type Socket } from "node:net";
import { freePorts, giveBack } from "./free-ports.ts";

export type Direction = "requests" | "answers";

export interface Target {
  readonly port: number;
  readonly host?: string;
}

/** Held bytes a connection and direction; more makes the sender wait, as a full window does. */
const heldMaxBytes = 16 * 1024 * 1024;
const startTriesMax = 5;

interface Mood {
  delayMs: number;
  held: boolean;
  cut: boolean;
}

interface Chunk {
  readonly bytes: Buffer;
  readonly dueAt: number;
}

export class TcpProxy implements AsyncDisposable {
  readonly port: number;
  readonly #target: Target;
  readonly #links = new Set<Link>();
  readonly #moods: Record<Direction, Mood> = { requests: calm(), answers: calm() };
  readonly #watchers: Record<Direction, (() => void)[]> = { requests: [], answers: [] };
  #server: Server | undefined;
  #closed: Promise<void> | undefined;

  private constructor(target: Target, port: number) {
    this.#target = target;
    this.port = port;
  }

  static async start(target: Target): Promise<TcpProxy> {
    for (let tries = 1; ; tries++) {
      const [port = 0] = await freePorts(1);
      const proxy = new TcpProxy(target, port);
      try {
        await proxy.#listen();
        return proxy;
      } catch (error) {
        giveBack([port]);
        if (tries === startTriesMax) throw error;
      }
    }
  }

  /** Stands before `url` (`http://127.0.0.1:2379`). */
  static async before(url: string): Promise<TcpProxy> {
    const { hostname, port } = new URL(url);
    return TcpProxy.start({ host: hostname, port: Number(port) });
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** How many connections stand. */
  get connections(): number {
    return this.#links.size;
  }

  delay(direction: Direction, ms: number): void {
    this.#moods[direction].delayMs = ms;
  }

  hold(direction: Direction): void {
    this.#moods[direction].held = true;
  }

  cut(direction: Direction): void {
    this.#moods[direction].cut = true;
  }

  cutRequests(): void {
    this.cut("requests");
  }

  cutAnswers(): void {
    this.cut("answers");
  }

  /** New connections are refused, until {@link heal}. */
  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    // Its callback waits for the connections that stand, too; the port is free at once.
    server.close();
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Ends all connections, both ends, with a reset. */
  reset(): void {
    for (const link of this.#links) link.end();
  }

  /** All is well again. What was held goes on, connections that lost bytes are reset. */
  async heal(): Promise<void> {
    Object.assign(this.#moods.requests, calm());
    Object.assign(this.#moods.answers, calm());
    for (const link of this.#links) {
      if (link.lostBytes) link.end();
      else link.pump();
    }
    if (this.#server === undefined) await this.#listen();
  }

  /** Resolves when the next bytes of that direction arrive here, whatever becomes of them. */
  arrival(direction: Direction): Promise<void> {
    return new Promise((resolve) => {
      this.#watchers[direction].push(resolve);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.refuse();
    this.reset();
    giveBack([this.port]);
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
        this.#join(client);
      });
      server.once("error", reject);
      server.listen({ port: this.port, host: "127.0.0.1" }, () => {
        this.#server = server;
        resolve();
      });
    });
  }

  #join(client: Socket): void {
    const server = connect({
      port: this.#target.port,
      host: this.#target.host ?? "127.0.0.1",
      noDelay: true,
      allowHalfOpen: true,
    });
    const link = new Link(client, server, {
      mood: (direction) => this.#moods[direction],
      arrived: (direction) => {
        for (const told of this.#watchers[direction].splice(0)) told();
      },
      ended: () => this.#links.delete(link),
    });
    this.#links.add(link);
  }
}

interface LinkParts {
  readonly mood: (direction: Direction) => Mood;
  readonly arrived: (direction: Direction) => void;
  readonly ended: () => void;
}

/** One connection of a client, and ours to the server for it. */
class Link {
  lostBytes = false;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #lanes: readonly Lane[];
  readonly #parts: LinkParts;

  constructor(client: Socket, server: Socket, parts: LinkParts) {
    this.#client = client;
    this.#server = server;
    this.#parts = parts;
    this.#lanes = [this.#lane("requests", client, server), this.#lane("answers", server, client)];
    for (const socket of [client, server]) {
      socket.on("error", () => {
        this.end(); // either end failed: the other must see it fail, too
      });
      socket.on("close", () => {
        if (client.destroyed && server.destroyed) parts.ended();
        else if (socket.errored !== null) this.end();
      });
    }
  }

  pump(): void {
    for (const lane of this.#lanes) lane.pump();
  }

  end(): void {
    for (const lane of this.#lanes) lane.drop();
    for (const socket of [this.#client, this.#server]) {
      if (socket.destroyed) continue;
      // A reset while the end is being sent fails with EINVAL; the socket then never closes, and the process spins at its exit.
      const isEnding = socket.writableEnded && !socket.writableFinished;
      if (socket.connecting || isEnding) socket.destroy();
      else socket.resetAndDestroy();
    }
    this.#parts.ended();
  }

  #lane(direction: Direction, from: Socket, to: Socket): Lane {
    const lane = new Lane(to, from, this.#parts.mood(direction));
    from.on("data", (bytes: Buffer) => {
      this.#parts.arrived(direction);
      if (this.#parts.mood(direction).cut || lane.broken) {
        lane.broken = true;
        this.lostBytes = true;
      } else lane.take(bytes);
    });
    from.on("end", () => {
      // A cut hides the end of a connection as well.
      if (this.#parts.mood(direction).cut || lane.broken) this.lostBytes = true;
      else lane.finish();
    });
    return lane;
  }
}

/** One direction of a connection: a queue of bytes, each with the moment from which it may go on. */
class Lane {
  /** Bytes were lost: nothing more goes on. */
  broken = false;
  readonly #to: Socket;
  readonly #from: Socket;
  readonly #mood: Mood;
  readonly #chunks: Chunk[] = [];
  #heldBytes = 0;
  #finished = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(to: Socket, from: Socket, mood: Mood) {
    this.#to = to;
    this.#from = from;
    this.#mood = mood;
  }

  take(bytes: Buffer): void {
    this.#chunks.push({ bytes, dueAt: performance.now() + this.#mood.delayMs });
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > heldMaxBytes) this.#from.pause();
    this.pump();
  }

  finish(): void {
    this.#finished = true;
    this.pump();
  }

  drop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#chunks.length = 0;
  }

  pump(): void {
    if (this.#mood.held || this.broken) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const now = performance.now();
    let sent = 0;
    for (const chunk of this.#chunks) {
      if (chunk.dueAt > now) break;
      this.#to.write(chunk.bytes);
      this.#heldBytes -= chunk.bytes.length;
      sent += 1;
    }
    this.#chunks.splice(0, sent);
    if (this.#heldBytes <= heldMaxBytes) this.#from.resume();
    const next = this.#chunks[0];
    if (next !== undefined) {
      this.#timer = setTimeout(() => {
        this.pump();
      }, next.dueAt - now);
    } else if (this.#finished) this.#to.end();
  }
}

function calm(): Mood {
  return { delayMs: 0, held: false, cut: false };
}
