/**
 * A session with ZooKeeper over one connection for all callers: requests and answers keep one order, events of watches come
 * between them. What is ephemeral goes with the session, so a session that is idle pings.
 */
import { int, intBytes, text, textAt, zeroLong, no } from "./jute.ts";
import { PipelinedConnection, type Taker } from "./pipelined.ts";

export const operations = {
  create: 1,
  delete: 2,
  exists: 3,
  getChildren: 8,
  ping: 11,
  closeSession: -11,
} as const;

export const codes = { ok: 0, noNode: -101, nodeExists: -110 } as const;

export interface Waiter {
  /** What is answered lies in the bytes, which are lent, after the offset; for an event there is nothing. */
  answered(code: number, bytes: Buffer, at: number): void;
  failed(error: Error): void;
}

export interface SessionPlan {
  readonly port: number;
  /** Asked for; the server has bounds of its own, in ticks. */
  readonly timeoutMs?: number;
  /** Without the server's word by then, there is no session. */
  readonly openWithinMs?: number;
}

const timeoutMsUsual = 30_000;
const openWithinMsUsual = 20_000;
/** A server that is slow to hear one ping gets another before the session is over. */
const pingsPerTimeout = 3;
const passwordBytes = 16;
const pingXid = -2;
const xidMax = 0x7f_ff_ff_ff;

export class ZooKeeperSession {
  /** After so long without a word of ours the server ends the session. */
  readonly timeoutMs: number;
  readonly #connection: PipelinedConnection;
  readonly #answers: Answers;
  readonly #pings: NodeJS.Timeout;
  #xid = 0;
  #quiet = true;

  private constructor(connection: PipelinedConnection, answers: Answers, timeoutMs: number) {
    this.#connection = connection;
    this.#answers = answers;
    this.timeoutMs = timeoutMs;
    this.#pings = setInterval(() => {
      if (this.#quiet) connection.write(framed(int(pingXid) + int(operations.ping)));
      this.#quiet = true;
    }, timeoutMs / pingsPerTimeout);
    void connection.closed.then(() => {
      clearInterval(this.#pings);
    });
  }

  static async open({
    port,
    timeoutMs = timeoutMsUsual,
    openWithinMs = openWithinMsUsual,
  }: SessionPlan): Promise<ZooKeeperSession> {
    const answers = new Answers();
    const connection = await PipelinedConnection.open(port, answers);
    const [version, noId] = [int(0), zeroLong];
    const password = text("\0".repeat(passwordBytes));
    connection.write(framed(version + zeroLong + int(timeoutMs) + noId + password + no));
    const late = setTimeout(() => {
      answers.refuse(new Error(`ZooKeeper grants no session within ${openWithinMs} ms`));
    }, openWithinMs);
    try {
      return new ZooKeeperSession(connection, answers, await answers.granted);
    } catch (error) {
      await connection.close();
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  ask(operation: number, body: string, waiter: Waiter): void {
    this.#xid = (this.#xid % xidMax) + 1;
    this.#quiet = false;
    if (!this.#answers.await(waiter)) return;
    this.#connection.write(framed(int(this.#xid) + int(operation) + body));
  }

  /** The code of its answer. */
  code(operation: number, body: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.ask(operation, body, { answered: resolve, failed: reject });
    });
  }

  /** Is told of the next event at that path. To be called before the request that sets the watch is sent. */
  watch(path: string, waiter: Waiter): void {
    this.#answers.watches.set(path, waiter);
  }

  /** The request has set none. */
  unwatch(path: string): void {
    this.#answers.watches.delete(path);
  }

  /** What is ephemeral goes at once. */
  async close(): Promise<void> {
    const over = { answered: () => undefined, failed: () => undefined };
    this.ask(operations.closeSession, "", over);
    await this.#connection.closed;
  }

  /** As if this process had died: the session goes when its time is over. */
  abandon(): Promise<void> {
    return this.#connection.close();
  }
}

function framed(body: string): string {
  return text(body);
}

const xidBytes = 4;
const zxidBytes = 8;
const headerBytes = xidBytes + zxidBytes + 4;
const eventXid = -1;

class Answers implements Taker {
  /** The session's timeout, once the server has granted one. */
  readonly granted: Promise<number>;
  readonly watches = new Map<string, Waiter>();
  readonly #opening: PromiseWithResolvers<number>;
  readonly #waiting: Waiter[] = [];
  #opened = false;
  #xid = 0;
  #why: Error | undefined;

  constructor() {
    this.#opening = Promise.withResolvers();
    this.granted = this.#opening.promise;
    // It is not waited for where there is no connection at all.
    this.granted.catch(() => undefined);
  }

  /** Whether an answer can come; else the waiter has heard why not. */
  await(waiter: Waiter): boolean {
    if (this.#why === undefined) this.#waiting.push(waiter);
    else waiter.failed(this.#why);
    return this.#why === undefined;
  }

  /** There will be no session. */
  refuse(error: Error): void {
    this.#opening.reject(error);
  }

  lost(error: Error): void {
    this.#why = error;
    this.refuse(error);
    const waiting = [...this.#waiting.splice(0), ...this.watches.values()];
    this.watches.clear();
    for (const waiter of waiting) waiter.failed(error);
  }

  take(bytes: Buffer): number {
    let taken = 0;
    while (taken + intBytes <= bytes.length) {
      const start = taken + intBytes;
      const end = start + bytes.readInt32BE(taken);
      if (end > bytes.length) break;
      taken = end;
      if (this.#opened) this.#answer(bytes, start);
      else this.#open(bytes, start);
    }
    return taken;
  }

  #open(bytes: Buffer, start: number): void {
    this.#opened = true;
    const timeoutMs = bytes.readInt32BE(start + intBytes);
    if (timeoutMs > 0) this.#opening.resolve(timeoutMs);
    else this.refuse(new Error("ZooKeeper grants no session"));
  }

  #answer(bytes: Buffer, start: number): void {
    const xid = bytes.readInt32BE(start);
    const body = start + headerBytes;
    if (xid === pingXid) return;
    if (xid === eventXid) {
      const path = textAt(bytes, body + intBytes + intBytes);
      const watcher = this.watches.get(path);
      this.watches.delete(path);
      watcher?.answered(codes.ok, bytes, body);
      return;
    }
    this.#xid = (this.#xid % xidMax) + 1;
    const waiter = this.#waiting.shift();
    if (xid !== this.#xid || waiter === undefined)
      throw new Error(`ZooKeeper answered request ${xid}, the next is ${this.#xid}`);
    waiter.answered(bytes.readInt32BE(start + xidBytes + zxidBytes), bytes, body);
  }
}
