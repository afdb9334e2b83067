/**
 * Files of resources as they lie on disk: a file, or a folder with what is below it. A ConfigMap's folder holds links
 * into `..data`, which is swapped as a whole: names that begin with a dot are passed by, links are followed.
 */
import { join } from "node:path";
import type { Epoch } from "#core/runtime.ts";
import { readdir, readFile, stat } from "./file-calls.ts";
import { fingerprint } from "./fingerprint.ts";

export const filesMax = 10_000;
export const fileBytesMax = 4 * 1024 * 1024;
const foldersMax = 1_000;
const depthMax = 8;

const resourceFile = /\.(ya?ml|json)$/i;

export interface Listing {
  readonly files: readonly string[];
  readonly folders: readonly string[];
  /** What could not be read, in words. */
  readonly problems: readonly { readonly file: string; readonly reason: string }[];
  /** Something was there in part only: what is missing may be there. */
  readonly incomplete: boolean;
}

/** Never throws. */
export async function listFiles(root: string): Promise<Listing> {
  const found: Found = { files: [], folders: [], problems: [], incomplete: false };
  const start = await kindOf(root);
  if (start.kind === "file") found.files.push(root);
  else if (start.kind === "folder") await walk(root, 1, found);
  else {
    found.incomplete = true;
    found.problems.push({ file: root, reason: start.reason });
  }
  return found;
}

interface Found {
  files: string[];
  folders: string[];
  problems: { file: string; reason: string }[];
  incomplete: boolean;
}

async function walk(folder: string, depth: number, found: Found): Promise<void> {
  if (found.folders.length >= foldersMax || depth > depthMax) {
    miss(
      found,
      folder,
      `there are more than ${String(foldersMax)} folders, or ${String(depthMax)} levels of them`,
    );
    return;
  }
  found.folders.push(folder);
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    miss(found, folder, reasonOf(error));
    return;
  }
  for (const name of names.sort()) {
    if (name.startsWith(".")) continue;
    const path = join(folder, name);
    const entry = await kindOf(path);
    if (entry.kind === "folder") await walk(path, depth + 1, found);
    else if (entry.kind === "unreadable") miss(found, path, entry.reason);
    else if (!resourceFile.test(name)) continue;
    else if (found.files.length < filesMax) found.files.push(path);
    else miss(found, path, `there are more than ${String(filesMax)} files`);
  }
}

function miss(found: Found, file: string, reason: string): void {
  found.incomplete = true;
  found.problems.push({ file, reason });
}

type Kind =
  | { readonly kind: "file" }
  | { readonly kind: "folder" }
  | { readonly kind: "unreadable"; readonly reason: string };

async function kindOf(path: string): Promise<Kind> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return { kind: "folder" };
    return found.isFile()
      ? { kind: "file" }
      : { kind: "unreadable", reason: "is neither file nor folder" };
  } catch (error) {
    return { kind: "unreadable", reason: reasonOf(error) };
  }
}

/** Changes when a file is written or replaced; says nothing of a write within the clock's last tick. */
export interface Mark {
  readonly text: string;
  readonly changedAt: Epoch;
}

export type FileRead =
  | { readonly kind: "same" }
  | { readonly kind: "read"; readonly mark: Mark; readonly digest: string; readonly bytes: Buffer }
  | { readonly kind: "failed"; readonly reason: string };

/** Reads what changed since `before`. Never throws. */
export async function readIfChanged(file: string, before: string | undefined): Promise<FileRead> {
  try {
    const mark = await markOf(file);
    if (mark.text === before) return { kind: "same" };
    if (mark.sizeBytes > fileBytesMax) {
      return { kind: "failed", reason: `has more than ${String(fileBytesMax)} bytes` };
    }
    const bytes = await readFile(file);
    if (bytes.length > fileBytesMax) {
      return { kind: "failed", reason: `has more than ${String(fileBytesMax)} bytes` };
    }
    return { kind: "read", mark, digest: fingerprint(bytes), bytes };
  } catch (error) {
    return { kind: "failed", reason: reasonOf(error) };
  }
}

async function markOf(file: string): Promise<Mark & { readonly sizeBytes: number }> {
  const { ino, size, mtimeMs, ctimeMs } = await stat(file);
  const text = [ino, size, mtimeMs, ctimeMs].join(" ");
  return { text, changedAt: mtimeMs as Epoch, sizeBytes: size };
}

function reasonOf(error: unknown): string {
  return `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
}
