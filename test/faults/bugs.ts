/** The bugs of memory/, read as a folder. */
import { readdirSync } from "node:fs";
import path from "node:path";
import type { Bug } from "./bug.ts";

const folder = path.join("test", "faults", "memory");

export interface NamedBug {
  readonly name: string;
  /** Its file, from the top of the tree. */
  readonly file: string;
  readonly bug: Bug;
}

export function readBugs(): Promise<NamedBug[]> {
  return Promise.all(
    readdirSync(folder)
      .sort()
      .map(async (file) => {
        const { bug } = (await import(`#test/faults/memory/${file}`)) as { readonly bug: Bug };
        return { name: path.basename(file, ".ts"), file: path.join(folder, file), bug };
      }),
  );
}
