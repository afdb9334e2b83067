/**
 * The leanest client of the sidecar's lock API that Node can have: one keep-alive connection a caller, the request as
 * one string, and of the answer only what the next request needs.
 */
import net from "node:net";
import type { Locker, Lockers } from "./load.ts";

const readBufferBytes = 16 * 1024;
/** What is read is taken in at once, so all connections share it. */
const readBuffer = Buffer.allocUnsafe(readBufferBytes);

export interface Answer {
  readonly status: string;
  readonly body: string;
}

/** For those who want the same lock the wait that a pool allows by default. */
const longestWait = "wait=10m";

/**
 * `ports`: of sidecars, whose callers are dealt out in turn. `pool`: of bench/pools.yaml. `how`: what the so-manieth caller asks
 * for besides, as a query.
 */
export function httpLockers(
  ports: readonly number[],
  pool: string,
  how: (caller: number) => readonly string[] = () => [],
): Lockers {
  let next = 0;
  return {
    locker: async (name, mayWait) => {
      const caller = next++;
      const port = ports[caller % ports.length] ?? 0;
      const query = [...(mayWait ? [longestWait] : []), ...how(caller)].join("&");
      const target = `/v1/locks/${pool}/${name}/acquire${query === "" ? "" : `?${query}`}`;
      return new HttpLocker(await HttpConnection.open(port), target);
    },
  };
}

class HttpLocker implements Locker {
  readonly #connection: HttpConnection;
  readonly #acquire: string;
  #grantId = "";

  constructor(connection: HttpConnection, target: string) {
    this.#connection = connection;
    this.#acquire = request("POST", target);
  }

  async take(): Promise<void> {
    const granted = await this.#connection.ask(this.#acquire);
    if (granted.status !== "200") throw new Error(`acquire: ${granted.status} ${granted.body}`);
    this.#grantId = grantIdOf(granted.body);
  }

  async give(): Promise<void> {
    const released = await this.#connection.ask(request("DELETE", `/v1/grants/${this.#grantId}`));
    if (released.status !== "204") throw new Error(`release: ${released.status} ${released.body}`);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}

export function request(method: string, path: string): string {
  return `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`;
}

const idField = '"grantId":"';

export function grantIdOf(body: string): string {
  const at = body.indexOf(idField);
  if (at < 0) throw new Error(`a grant without an id: ${body}`);
  const start = at + idField.length;
  return body.slice(start, body.indexOf('"', start));
}

/** One request at a time. */
export class HttpConnection {
  readonly #socket: net.Socket;
  #waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;
  #received = "";

  private constructor(port: number, opened: (error?: Error) => void) {
    const read = (sizeBytes: number): boolean => {
      this.#received += readBuffer.toString("latin1", 0, sizeBytes);
      this.#take();
      return true;
    };
    const onread = { buffer: readBuffer, callback: read };
    this.#socket = net.connect({ host: "127.0.0.1", port, noDelay: true, onread }, () => {
      opened();
    });
    this.#socket.on("error", (error) => {
      opened(error);
      this.#waiting?.reject(error);
    });
    this.#socket.on("close", () => {
      this.#waiting?.reject(new Error("the sidecar closed the connection"));
    });
  }

  static open(port: number): Promise<HttpConnection> {
    return new Promise((resolve, reject) => {
      const connection: HttpConnection = new HttpConnection(port, (error) => {
        if (error === undefined) resolve(connection);
        else reject(error);
      });
    });
  }

  ask(text: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(text, "latin1");
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.once("close", () => {
        resolve();
      });
      this.#socket.destroy();
    });
  }

  #take(): void {
    const headEnd = this.#received.indexOf("\r\n\r\n");
    if (headEnd < 0) return;
    const head = this.#received.slice(0, headEnd);
    const bodyStart = headEnd + 4;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (this.#received.length < bodyStart + length) return;
    const answer = { status: head.slice(9, 12), body: this.#received.slice(bodyStart) };
    this.#received = "";
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve(answer);
  }
}
