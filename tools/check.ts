/** `make check`: what CI checks. All steps run, also after one failed; each counts as one test in the last line. */
import { spawn } from "node:child_process";
import process from "node:process";
import { runSuites } from "./test/run.ts";
import { line, none, sum, type Totals } from "./test/totals.ts";

interface Step {
  readonly name: string;
  readonly args: readonly string[];
  readonly mend: string;
}

const steps: readonly Step[] = [
  {
    name: "format",
    args: ["node_modules/prettier/bin/prettier.cjs", "--check", "--log-level=warn", "."],
    mend: "make format",
  },
  {
    name: "types",
    args: ["node_modules/typescript/bin/tsc", "--project", "."],
    mend: "make types",
  },
  {
    name: "lint",
    args: ["node_modules/eslint/bin/eslint.js", "--max-warnings=0", "."],
    mend: "make lint",
  },
  { name: "rooms", args: ["tools/rooms.ts"], mend: "make rooms" },
  { name: "picture", args: ["tools/rooms.ts", "--check"], mend: "make generate" },
  { name: "generated", args: ["tools/generate/main.ts", "--check"], mend: "make generate" },
];

function run({ name, args, mend }: Step): Promise<Totals> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.once("error", reject);
    child.once("close", (code) => {
      const passed = code === 0;
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1).padStart(7);
      console.log(
        `  ${passed ? "✓" : "✗"} ${name.padEnd(12)}${seconds} s${passed ? "" : `   (${mend})`}`,
      );
      if (!passed) console.log(output.trimEnd().replaceAll(/^/gm, "      "));
      resolve(passed ? { ...none, passed: 1 } : { ...none, failed: 1 });
    });
  });
}

const results: Totals[] = [];
for (const step of steps) results.push(await run(step));
results.push(await runSuites({ strict: process.env["CI"] === "true" }));
const totals = sum(results);
console.log(`\n${line(totals)}`);
process.exitCode = totals.failed === 0 ? 0 : 1;
