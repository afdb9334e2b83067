/** Fails with what was found, one a line, and what to do about it. */
import assert from "node:assert/strict";

export function nothing(found: readonly string[], advice: string): void {
  if (found.length > 0) assert.fail(`${advice}\n  ${found.join("\n  ")}`);
}
