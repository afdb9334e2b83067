/**
 * Between the members of an etcd: each is found by the others at a door of ours, which asks who comes (every request between
 * members names its sender in X-Server-From), and leads on through a proxy for that pair. So one member can be cut off from
 * one other, in one direction or in both, without rights on the machine.
 *
 *     m1 ──▶ door of m0 ──▶ proxy m1→m0 ──▶ m0
 *
 * Between two members requests of both travel, on connections of their own; what m1 tells m0 are its requests at m0 and its
 * answers to m0's.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { freePorts, giveBack } from "#test/support/free-ports.ts";
import { TcpProxy } from "#test/support/tcp-proxy.ts";

interface Door {
  readonly port: number;
  readonly target: number;
  readonly server: Server;
}

export class PeerLinks implements AsyncDisposable {
  readonly #doors = new Map<number, Door>();
  readonly #sockets = new Set<Socket>();
  /** By the sender's id and the door. */
  readonly #pairs = new Map<string, Promise<TcpProxy>>();
  #ids: readonly string[] = [];

  /** Where the others find that member; it listens at `target`. */
  async door(target: number, member: number): Promise<number> {
    const [port = 0] = await freePorts(1);
    const server = createServer({ noDelay: true }, (client) => {
      this.#join(client, member);
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ port, host: "127.0.0.1" }, resolve);
    });
    await this.#close(member);
    this.#doors.set(member, { port, target, server });
    return port;
  }

  /** The members' ids, as etcd lists them, by their places. */
  identify(ids: readonly string[]): void {
    this.#ids = ids.map((id) => BigInt(id).toString(16));
  }

  /** What travels from one member to another, on requests of either. */
  async between(
    from: number,
    to: number,
  ): Promise<{ readonly requests: TcpProxy; readonly answers: TcpProxy }> {
    return {
      requests: await this.#pair(this.#idOf(from), to),
      answers: await this.#pair(this.#idOf(to), from),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of [...this.#doors.keys()]) await this.#close(member);
    for (const socket of this.#sockets) socket.destroy();
    for (const pair of this.#pairs.values()) await (await pair)[Symbol.asyncDispose]();
  }

  async #close(member: number): Promise<void> {
    const door = this.#doors.get(member);
    if (door === undefined) return;
    this.#doors.delete(member);
    // Its callback waits for the connections that stand, too.
    door.server.close();
    await new Promise((resolve) => setImmediate(resolve));
    giveBack([door.port]);
  }

  #idOf(member: number): string {
    const id = this.#ids[member];
    if (id === undefined) throw new Error(`the id of member ${member} is not known yet`);
    return id;
  }

  #pair(id: string, to: number): Promise<TcpProxy> {
    const name = `${id} ${to}`;
    const known = this.#pairs.get(name);
    if (known !== undefined) return known;
    const target = this.#doors.get(to)?.target;
    if (target === undefined) throw new Error(`there is no door of member ${to}`);
    const made = TcpProxy.start({ port: target });
    this.#pairs.set(name, made);
    return made;
  }

  #join(client: Socket, to: number): void {
    this.#keep(client);
    client.once("data", (first: Buffer) => {
      client.pause();
      void this.#lead(client, first, to);
    });
  }

  async #lead(client: Socket, first: Buffer, to: number): Promise<void> {
    const sender = /^x-server-from: *([0-9a-f]+)/im.exec(first.toString("latin1"))?.[1];
    // Who names nobody asks for the version, or how long a way takes: nothing hangs on it.
    const port =
      sender === undefined ? this.#doors.get(to)?.target : (await this.#pair(sender, to)).port;
    if (client.destroyed || port === undefined) {
      client.destroy();
      return;
    }
    const on = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#keep(on);
    on.write(first);
    client.pipe(on);
    on.pipe(client);
    for (const [one, other] of [
      [client, on],
      [on, client],
    ] as const)
      one.on("close", () => other.destroy());
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy()); // told to the other end by its close
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
