/** `make bundle`: the sidecar as images ship it, one minified file, its source map beside it. */
import { stat } from "node:fs/promises";
import process from "node:process";
import { build } from "esbuild";

const outfile = "dist/sidecar.mjs";

/** Packages in CommonJS call require() for Node's own modules, which an ES module has to be given. */
const requireForBundled =
  'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

const { warnings } = await build({
  entryPoints: ["sidecar/main.ts"],
  outfile,
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  minify: true,
  keepNames: true,
  sourcemap: "external",
  legalComments: "none",
  banner: { js: requireForBundled },
  logLevel: "warning",
});

const { size } = await stat(outfile);
console.log(`${outfile}: ${(size / 1024).toFixed(0)} KiB`);
if (warnings.length > 0) process.exitCode = 1;
