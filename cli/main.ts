/** The holdfast command. */
import process from "node:process";
import packageFile from "../package.json" with { type: "json" };
import { run } from "./cli.ts";

// Who reads no further (`holdfast locks events orders/42 | head -1`) has all that it wanted.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

process.exitCode = await run(process.argv.slice(2), packageFile.version, {
  env: process.env,
  errIsTerminal: process.stderr.isTTY,
  inIsTerminal: process.stdin.isTTY,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
});
