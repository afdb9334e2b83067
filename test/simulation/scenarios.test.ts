import assert from "node:assert/strict";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { play } from "./scenario.ts";

const folder = path.join(import.meta.dirname, "scenarios");
const update = process.env["UPDATE"] === "1";

describe("the scenarios", () => {
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".txt"))) {
    it(`${path.basename(file, ".txt")} goes as it is written`, async () => {
      const at = path.join(folder, file);
      const written = readFileSync(at, "utf8");
      const played = await play(written);
      if (update) writeFileSync(at, played);
      else assert.equal(played, written, "Review the difference; UPDATE=1 writes it down.");
    });
  }
});
