/** rooms.json, read: the one table of who may import whom. */
import { readFileSync } from "node:fs";

/** A package or a module of Node that one folder or file of the room (or a few) may import, and the rest may not. */
export interface Bound {
  readonly name: string;
  readonly only: readonly string[];
}

export interface Room {
  readonly what: string;
  /** Other rooms; "*": all. */
  readonly imports: readonly string[];
  /** Modules of Node, without `node:`. A name covers what is below it (`fs`: `fs/promises`, too). */
  readonly node: readonly (string | Bound)[];
  readonly packages: readonly (string | Bound)[];
}

export interface Table {
  readonly rooms: Readonly<Record<string, Room>>;
  readonly folders: Readonly<Record<string, string>>;
}

export function readTable(): Table {
  return JSON.parse(readFileSync("rooms.json", "utf8")) as Table;
}
