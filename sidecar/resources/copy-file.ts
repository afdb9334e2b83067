/**
 * The copy as a file. Written beside it, flushed and renamed over it, so that whatever ends the process leaves the older
 * copy or the newer one: a half-written one has another name, and the next writing removes it. (That the rename itself
 * outlives a power failure is not asked for: the older copy then stands, and nothing is decided by either.)
 */
import path from "node:path";
import { rename, readFile, rm, stat, writeFile } from "./file-calls.ts";
import { copyBytesMax, decodeCopy, unusable, type CopyRead } from "./copy.ts";

const fileName = "resources.copy";
/** Only its owner reads it. */
const mode = 0o600;

export function copyFileIn(folder: string): string {
  return path.join(folder, fileName);
}

/** Never throws: what cannot be read is told. */
export async function readCopy(folder: string, namespace: string): Promise<CopyRead> {
  const file = copyFileIn(folder);
  try {
    const found = await stat(file);
    if (!found.isFile()) return unusable("is no file");
    const { size } = found;
    if (size > copyBytesMax) return unusable(`has ${String(size)} bytes, more than were written`);
    return decodeCopy(await readFile(file), namespace);
  } catch (error) {
    const code = codeOf(error);
    return code === "ENOENT" ? { kind: "none" } : unusable(`cannot be read (${code})`);
  }
}

/** Undefined: the copy is there. Else why it is not, as the system's code; the older one then stands. */
export async function writeCopy(folder: string, bytes: Uint8Array): Promise<string | undefined> {
  const file = copyFileIn(folder);
  const beside = `${file}.new`;
  try {
    // Made anew, so that nothing else that stands there under its name is written into or waited for.
    await rm(beside, { force: true });
    await writeFile(beside, bytes, { mode, flag: "wx", flush: true });
    await rename(beside, file);
    return undefined;
  } catch (error) {
    const problem = codeOf(error);
    const left = await removed(beside);
    return left === undefined ? problem : `${problem}; what was begun cannot be removed: ${left}`;
  }
}

/** What a full volume has room for must not be half a copy. Undefined: it is not there. */
async function removed(file: string): Promise<string | undefined> {
  try {
    await rm(file, { force: true });
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

/** Of an error of the system; anything else is a bug. */
function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  if (typeof code !== "string") throw error;
  return code;
}
