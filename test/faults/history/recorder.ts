/**
 * Writes events to a file, each with its moment. Straight to the file: what was written outlives a process that is killed in
 * the next instant.
 */
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import type { Event, Said } from "./event.ts";

const ending = ".jsonl";

export function nowNs(): number {
  return Number(process.hrtime.bigint());
}

export class Recorder implements Disposable {
  readonly #by: string;
  readonly #file: number;

  constructor(folder: string, by: string) {
    this.#by = by;
    this.#file = openSync(path.join(folder, `${by.replaceAll("/", ".")}${ending}`), "a");
  }

  write(said: Said): void {
    const line = { atNs: nowNs(), by: this.#by, ...said };
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

/** All that was written in that folder, in the order of time. */
export function readEvents(folder: string): Event[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(ending));
  return files
    .flatMap((file) => linesOf(readFileSync(path.join(folder, file), "utf8")))
    .sort((a, b) => a.atNs - b.atNs);
}

/** A last line without its end was cut off by a kill. */
function linesOf(text: string): Event[] {
  const whole = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
  return whole.filter((line) => line !== "").map((line) => JSON.parse(line) as Event);
}
