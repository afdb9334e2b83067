/** A Redis of its own: on a free port of loopback, with its data in the folder that is given. */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { freePorts, giveBack } from "#test/support/free-ports.ts";
import { fetchTree } from "#tools/fetch/debian-tree.ts";
import { command, RedisConnection } from "../clients/redis-connection.ts";
import { ServerProcess } from "./server-process.ts";

export interface RedisPlan {
  /** Made where it is missing, on the disk whose speed is to count; it stays. */
  readonly folder: string;
  /** `always`: nothing is answered before the disk has it. `none`: nothing is written at all. */
  readonly durability: "always" | "none";
}

const onDisk = {
  always: ["--appendonly", "yes", "--appendfsync", "always"],
  none: ["--appendonly", "no"],
} as const;
const noSnapshots = ["--save", ""];

export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  readonly #process: ServerProcess;

  private constructor(process: ServerProcess, port: number) {
    this.#process = process;
    this.pid = process.pid;
    this.port = port;
  }

  /** Throws `ToolMissing` where it cannot be had. */
  static async start({ folder, durability }: RedisPlan): Promise<RedisServer> {
    const tree = await fetchTree("redis");
    await mkdir(folder, { recursive: true });
    const [port = 0] = await freePorts(1);
    const place = ["--bind", "127.0.0.1", "--port", String(port), "--dir", folder];
    try {
      const process = await ServerProcess.start({
        called: "Redis",
        program: path.join(tree.folder, "redis-server"),
        args: [...place, ...noSnapshots, ...onDisk[durability]],
        env: tree.env,
        logFile: path.join(folder, "log"),
        answers: () => answers(port),
      });
      return new RedisServer(process, port);
    } catch (error) {
      giveBack([port]);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
    giveBack([this.port]);
  }
}

async function answers(port: number): Promise<void> {
  const connection = await RedisConnection.open(port);
  try {
    await connection.answer(command("PING"));
  } finally {
    await connection.close();
  }
}
