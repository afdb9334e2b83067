/** `make bundle`: the sidecar and the operator as images ship them; PROGRAM= names one. */
import process from "node:process";
import { bundle } from "./bundle/bundle.ts";
import { programs, type ProgramName } from "./bundle/programs.ts";

const { PROGRAM = "" } = process.env;
const known = Object.keys(programs) as ProgramName[];
const wanted = known.filter((name) => PROGRAM === "" || PROGRAM === name);
if (wanted.length === 0) {
  console.error(`There is no program ${PROGRAM}. There are: ${known.join(", ")}.`);
  process.exitCode = 2;
}
for (const name of wanted) {
  const { file, sizeBytes, hasWarnings } = await bundle(name);
  console.log(`${file}: ${(sizeBytes / 1024).toFixed(0)} KiB`);
  if (hasWarnings) process.exitCode = 1;
}
