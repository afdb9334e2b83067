/**
 * `make bundle`: the sidecar as images ship it, one file without blanks and comments, its source map beside it, and
 * dist/sidecar, which starts it.
 */
import { stat, writeFile } from "node:fs/promises";
import process from "node:process";
import { build, type Plugin } from "esbuild";

const outfile = "dist/sidecar.mjs";
const launcher = "dist/sidecar";

/**
 * The one place that says how the bundle is started; why is in docs/decisions/0009-idle-memory.md. Node's own options go
 * through NODE_OPTIONS, another Node through NODE.
 */
const launcherText = `#!/bin/sh
export MALLOC_ARENA_MAX=2 MALLOC_TRIM_THRESHOLD_=131072
exec "\${NODE:-node}" --max-semi-space-size=16 "$(dirname "$0")/sidecar.mjs" "$@"
`;

/** Packages in CommonJS call require() for Node's own modules, which an ES module has to be given. */
const requireForBundled =
  'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

/**
 * An ES module that imports `node:http` makes Node read every export of it, and one of them is a getter that loads all of
 * fetch and WebSocket: 14 MB in every sidecar. Asked for as an object, what is not used is not loaded.
 */
const builtinsAsObjects: Plugin = {
  name: "builtins as objects",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path, kind }) =>
      kind === "import-statement" ? { path, namespace: "builtin" } : undefined,
    );
    onLoad({ filter: /.*/, namespace: "builtin" }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};

/**
 * Of winston the sidecar uses the logger and one format. What else `import winston` brings is left out: three transports
 * with their HTTP and compression, twenty formats, and a second copy of Node's own streams, which are what
 * `readable-stream` was copied from. host/log.ts uses no more than stands here; if it did, it would fail at once.
 */
const replacedPackages: Readonly<Record<string, string>> = {
  winston: `module.exports = {
    createLogger: require("winston/lib/winston/create-logger.js"),
    format: { printf: require("logform/printf.js") },
  };`,
  "readable-stream": `module.exports = process.getBuiltinModule("node:stream");`,
  "readable-stream/lib/_stream_writable.js": `module.exports = process.getBuiltinModule("node:stream").Writable;`,
};

const smallWinston: Plugin = {
  name: "small winston",
  setup({ onResolve, onLoad }) {
    const names = Object.keys(replacedPackages).map((name) => name.replaceAll(".", "\\."));
    onResolve({ filter: new RegExp(`^(${names.join("|")})$`) }, ({ path }) => ({
      path,
      namespace: "replaced",
    }));
    onLoad({ filter: /.*/, namespace: "replaced" }, ({ path }) => ({
      contents: replacedPackages[path] ?? "",
      resolveDir: process.cwd(),
    }));
  },
};

const { warnings } = await build({
  entryPoints: ["sidecar/main.ts"],
  outfile,
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  minifyWhitespace: true,
  minifySyntax: true,
  // Names stay as they are, for stack traces. (With `keepNames` each closure that is made is named by a call: a sixth of
  // the sidecar's time under load.)
  minifyIdentifiers: false,
  sourcemap: "external",
  legalComments: "none",
  // Winston's diagnostics then leave out their colours, which work out a table of all colour models at each start.
  define: { "process.env.NODE_ENV": '"production"' },
  plugins: [smallWinston, builtinsAsObjects],
  banner: { js: requireForBundled },
  logLevel: "warning",
});

await writeFile(launcher, launcherText, { mode: 0o755 });

const { size } = await stat(outfile);
console.log(`${outfile}: ${(size / 1024).toFixed(0)} KiB`);
if (warnings.length > 0) process.exitCode = 1;
