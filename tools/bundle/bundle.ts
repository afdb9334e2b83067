/**
 * One program as images ship it: dist/NAME.mjs, one file without blanks and comments, its source map beside it, and
 * dist/NAME, which starts it.
 */
import { stat, writeFile } from "node:fs/promises";
import { build } from "esbuild";
import { protosOfEtcd3 } from "./etcd3.ts";
import { builtinsAsObjects, replacing } from "./packages.ts";
import { programs, type Program, type ProgramName } from "./programs.ts";

/** Packages in CommonJS call require() for Node's own modules, which an ES module has to be given. */
const requireForBundled =
  'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

export interface Bundle {
  readonly file: string;
  /** What starts it. */
  readonly launcher: string;
  readonly sizeBytes: number;
  readonly hasWarnings: boolean;
}

export async function bundle(name: ProgramName): Promise<Bundle> {
  const { entry, packages, nodeOptions }: Program = programs[name];
  const file = `dist/${name}.mjs`;
  const launcher = `dist/${name}`;
  const { warnings } = await build({
    entryPoints: [entry],
    outfile: file,
    bundle: true,
    platform: "node",
    target: "node24",
    format: "esm",
    minifyWhitespace: true,
    minifySyntax: true,
    // Names stay as they are, for stack traces. (With `keepNames` each closure that is made is named by a call: a sixth
    // of the sidecar's time under load.)
    minifyIdentifiers: false,
    sourcemap: "external",
    legalComments: "none",
    // Winston's diagnostics then leave out their colours, which work out a table of all colour models at each start.
    define: { "process.env.NODE_ENV": '"production"' },
    plugins: [replacing(packages), protosOfEtcd3, builtinsAsObjects],
    banner: { js: requireForBundled },
    logLevel: "warning",
  });
  await writeFile(launcher, launcherText(name, nodeOptions), { mode: 0o755 });
  const { size } = await stat(file);
  return { file, launcher, sizeBytes: size, hasWarnings: warnings.length > 0 };
}

/**
 * The one place that says how a bundle is started; why is in docs/decisions/0009-idle-memory.md. Node's own options go
 * through NODE_OPTIONS, another Node through NODE.
 */
const launcherText = (name: ProgramName, nodeOptions: string): string => `#!/bin/sh
export MALLOC_ARENA_MAX=2 MALLOC_TRIM_THRESHOLD_=131072
exec "\${NODE:-node}" ${nodeOptions} "$(dirname "$0")/${name}.mjs" "$@"
`;
