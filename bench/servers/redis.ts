/** A Redis of its own. */
import path from "node:path";
import { fetchTree } from "#tools/fetch/debian-tree.ts";
import { command, RedisConnection } from "../clients/redis-connection.ts";
import { ServerProcess } from "./server-process.ts";

export interface RedisPlan {
  readonly folder: string;
  /** `always`: nothing is answered before the disk has it. `none`: nothing is written at all. */
  readonly durability: "always" | "none";
}

const onDisk = {
  always: ["--appendonly", "yes", "--appendfsync", "always"],
  none: ["--appendonly", "no"],
} as const;
const noSnapshots = ["--save", ""];

/** Throws `ToolMissing` where it cannot be had. */
export async function startRedis({ folder, durability }: RedisPlan): Promise<ServerProcess> {
  const tree = await fetchTree("redis");
  const place = ["--bind", "127.0.0.1", "--dir", folder];
  return ServerProcess.start({
    called: "Redis",
    program: path.join(tree.folder, "redis-server"),
    args: (port) => ["--port", String(port), ...place, ...noSnapshots, ...onDisk[durability]],
    env: tree.env,
    folder,
    answers,
  });
}

async function answers(port: number): Promise<void> {
  const connection = await RedisConnection.open(port);
  try {
    await connection.answer(command("PING"));
  } finally {
    await connection.close();
  }
}
