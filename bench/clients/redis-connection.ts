/** Redis' protocol, as far as locks need it: commands in, answers of one line out, in their order. */
import { PipelinedConnection, type Taker } from "./pipelined.ts";

export interface Waiter {
  /** The line with the character that says what it is: `+OK`, `:1`, `-ERR …`; of a text (`$40`) the text itself, `$-1` for none. */
  answered(line: string): void;
  failed(error: Error): void;
}

const cr = 0x0d;
const textMark = 0x24;
const crlfBytes = 2;

export class RedisConnection {
  readonly #connection: PipelinedConnection;
  readonly #answers: Answers;

  private constructor(connection: PipelinedConnection, answers: Answers) {
    this.#connection = connection;
    this.#answers = answers;
  }

  static async open(port: number): Promise<RedisConnection> {
    const answers = new Answers();
    return new RedisConnection(await PipelinedConnection.open(port, answers), answers);
  }

  /** The text is a whole command, as {@link command} writes it. */
  ask(text: string, waiter: Waiter): void {
    if (this.#answers.await(waiter)) this.#connection.write(text);
  }

  /** Rejects where Redis says that it is an error. */
  answer(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const answered = (line: string): void => {
        if (line.startsWith("-")) reject(new Error(`Redis: ${line.slice(1)}`));
        else resolve(line);
      };
      this.ask(text, { answered, failed: reject });
    });
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}

/** The words are latin1. */
export function command(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map(word).join("")}`;
}

export function word(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

class Answers implements Taker {
  readonly #waiting: Waiter[] = [];
  #why: Error | undefined;

  /** Whether an answer can come; else the waiter has heard why not. */
  await(waiter: Waiter): boolean {
    if (this.#why === undefined) this.#waiting.push(waiter);
    else waiter.failed(this.#why);
    return this.#why === undefined;
  }

  lost(error: Error): void {
    this.#why = error;
    for (const waiter of this.#waiting.splice(0)) waiter.failed(error);
  }

  take(bytes: Buffer): number {
    let taken = 0;
    for (;;) {
      const lineEnd = bytes.indexOf(cr, taken);
      if (lineEnd < 0 || lineEnd + crlfBytes > bytes.length) return taken;
      let line = bytes.toString("latin1", taken, lineEnd);
      let end = lineEnd + crlfBytes;
      if (bytes[taken] === textMark && line !== "$-1") {
        const textEnd = end + Number(line.slice(1));
        if (textEnd + crlfBytes > bytes.length) return taken;
        line = bytes.toString("latin1", end, textEnd);
        end = textEnd + crlfBytes;
      }
      taken = end;
      const waiter = this.#waiting.shift();
      if (waiter === undefined) throw new Error(`Redis answered what nobody asked: ${line}`);
      waiter.answered(line);
    }
  }
}
