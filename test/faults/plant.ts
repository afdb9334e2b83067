/**
 * Loaded before a program (`node --import`): hands it one source file with a bug planted, as HOLDFAST_PLANTED names it. The
 * files on disk stay as they are.
 */
import { registerHooks } from "node:module";
import process from "node:process";
import { pathToFileURL } from "node:url";
import type { Bug } from "./bug.ts";

const named = process.env["HOLDFAST_PLANTED"];
if (named === undefined) throw new Error("HOLDFAST_PLANTED names no file of test/faults/memory");
const { bug } = (await import(pathToFileURL(named).href)) as { readonly bug: Bug };
const target = new URL(`../../${bug.file}`, import.meta.url).href;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (url !== target) return loaded;
    const source = String(
      typeof loaded.source === "string" ? loaded.source : Buffer.from(loaded.source as Uint8Array),
    );
    if (source.split(bug.text).length !== 2)
      throw new Error(`${bug.file} does not have the text of ${named} exactly once`);
    return { ...loaded, source: source.replace(bug.text, () => bug.other) };
  },
});
