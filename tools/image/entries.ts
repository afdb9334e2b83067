/** What a layer of an image holds, written down. */
import type { Entry } from "./tar.ts";

export function file(name: string, content: Buffer | string, mode = 0o644): Entry {
  return { name, mode, is: { kind: "file", content: Buffer.from(content) } };
}

export function folder(name: string, mode = 0o755): Entry {
  return { name: `${name}/`, mode, is: { kind: "folder" } };
}

export function link(name: string, target: string): Entry {
  return { name, mode: 0o777, is: { kind: "link", target } };
}

/** Each entry once, and before it the folders that it lies in. */
export function withFolders(entries: readonly Entry[]): Entry[] {
  const all = new Map<string, Entry>();
  for (const entry of entries) {
    const parts = entry.name.split("/").filter((part) => part !== "");
    for (let depth = 1; depth < parts.length; depth++) {
      const parent = folder(parts.slice(0, depth).join("/"));
      if (!all.has(parent.name)) all.set(parent.name, parent);
    }
    all.set(entry.name, entry);
  }
  return [...all.values()];
}
