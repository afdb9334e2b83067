/** Every metric that a process exports is looked at by some test: one that nobody saw move may never move. */
import { seriesOf } from "#host/metrics.ts";
import { operatorFamilies, sidecarFamilies } from "#tools/generate/metrics.ts";
import { sourceFiles, text } from "#tools/house/tree.ts";
import { nothing } from "./support/nothing.ts";

describe("the metrics", () => {
  it("are each looked at by a test", () => {
    const tests = sourceFiles()
      .filter((file) => file.endsWith(".test.ts") && !file.startsWith("test/house/"))
      .map(text)
      .join("\n");
    const all = [...sidecarFamilies(), ...operatorFamilies()];
    const unseen = all.filter((family) => {
      const suffix = family.kind === "histogram" ? "_(bucket|count|sum)" : "";
      return !new RegExp(`\\b${seriesOf(family)}${suffix}\\b`).test(tests);
    });
    nothing([...new Set(unseen.map(seriesOf))], "Write a test that sees these move.");
  });
});
