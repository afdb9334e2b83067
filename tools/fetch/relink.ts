/**
 * Links of an unpacked package that name a place below `/` are made to name it below the folder: a Java runtime, say, has
 * its settings in `/etc`. Those whose place the folder lacks stay as they are.
 */
import { lstatSync } from "node:fs";
import { readdir, readlink, rm, symlink } from "node:fs/promises";
import path from "node:path";

export async function relink(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) continue;
    const link = path.join(entry.parentPath, entry.name);
    const target = await readlink(link);
    if (!path.isAbsolute(target)) continue;
    const inside = path.join(folder, path.normalize(target));
    if (lstatSync(inside, { throwIfNoEntry: false }) === undefined) continue;
    await rm(link);
    await symlink(path.relative(entry.parentPath, inside), link);
  }
}
