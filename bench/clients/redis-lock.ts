/**
 * The commands of a lock in Redis, as its documentation has them: the key is the lock, a random value says whose it is, and
 * it goes by itself when its holder does not give it back in time.
 * https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/
 */
import { createHash, randomBytes } from "node:crypto";
import { plainName } from "./peer.ts";
import { command, word, type RedisConnection } from "./redis-connection.ts";

export const ttlMs = 30_000;

/** Compare and delete. */
const script =
  'if redis.call("get",KEYS[1]) == ARGV[1] then return redis.call("del",KEYS[1]) else return 0 end';
const digest = createHash("sha1").update(script).digest("hex");

export async function loadScript(connection: RedisConnection): Promise<void> {
  const loaded = await connection.answer(command("SCRIPT", "LOAD", script));
  if (loaded !== digest) throw new Error(`Redis calls the script ${loaded}, not ${digest}`);
}

/** Values that no other holder has: the chance is drawn once a process, and the takes are counted. */
const drawn = randomBytes(10).toString("hex");
let taken = 0;

export function newValue(): string {
  taken += 1;
  return drawn + String(taken);
}

/** Answered by `+OK`, or `$-1` where the key is there. */
export function taking(name: string): (value: string) => string {
  const [before, after] = [`*6\r\n${word("SET")}${word(plainName(name))}`, options()];
  return (value) => before + word(value) + after;
}

function options(): string {
  return ["NX", "PX", String(ttlMs)].map(word).join("");
}

/** Answered by `:1`, or `:0` where the key is gone or has another value. */
export function giving(name: string): (value: string) => string {
  const before = `*5\r\n${["EVALSHA", digest, "1", plainName(name)].map(word).join("")}`;
  return (value) => before + word(value);
}
