/** `make cli`: the npm package of the holdfast command, as an archive in dist/cli. */
import { stat } from "node:fs/promises";
import { packCli } from "./cli/package.ts";

const { file, name, version } = await packCli();
const { size } = await stat(file);
console.log(`${file}: ${name} ${version}, ${(size / 1024).toFixed(0)} KiB`);
