/** `make client`: the npm package of the client, as an archive in dist/client. */
import { stat } from "node:fs/promises";
import { packClient } from "./client/package.ts";

const { file, name, version, files } = await packClient();
const { size } = await stat(file);
console.log(`${file}: ${name} ${version}, ${files.length} files, ${(size / 1024).toFixed(0)} KiB`);
