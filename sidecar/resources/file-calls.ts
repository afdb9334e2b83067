/** Calls for files, as promises, without `node:fs/promises`: that loads a megabyte for handles and streams into every sidecar. */
import * as fs from "node:fs";
import { promisify } from "node:util";

export const readdir: (folder: string) => Promise<string[]> = promisify(fs.readdir);
export const readFile: (path: string) => Promise<Buffer> = promisify(fs.readFile);
export const stat: (path: string) => Promise<fs.Stats> = promisify(fs.stat);
export const rename: (from: string, to: string) => Promise<void> = promisify(fs.rename);
export const rm: (path: string, options: fs.RmOptions) => Promise<void> = promisify(fs.rm);
export const writeFile: (
  path: string,
  bytes: Uint8Array,
  options: fs.WriteFileOptions,
) => Promise<void> = promisify(fs.writeFile);
