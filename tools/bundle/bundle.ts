/**
 * One program as images ship it: dist/NAME.mjs, one file without blanks and comments, its source map beside it, and
 * dist/NAME, which starts it.
 */
import { stat, writeFile } from "node:fs/promises";
import { build } from "esbuild";
import { protosOfEtcd3 } from "./etcd3.ts";
import { builtinsAsObjects, replacing } from "./packages.ts";
import { environment, programs, type Program, type ProgramName } from "./programs.ts";

/** Packages in CommonJS call require() for Node's own modules, which an ES module has to be given. */
const requireForBundled =
  'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

export interface Bundle {
  readonly file: string;
  /** What starts it. */
  readonly launcher: string;
  readonly sizeBytes: number;
  readonly hasWarnings: boolean;
  /** The files that something of is in it. */
  readonly inputs: readonly string[];
}

export async function bundle(name: ProgramName): Promise<Bundle> {
  const { entry, packages, nodeOptions }: Program = programs[name];
  const file = `dist/${name}.mjs`;
  const launcher = `dist/${name}`;
  const { warnings, metafile } = await build({
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
    metafile: true,
    logLevel: "warning",
  });
  await writeFile(launcher, launcherText(name, nodeOptions), { mode: 0o755 });
  const { size } = await stat(file);
  const parts = Object.entries(metafile.outputs[file]?.inputs ?? {});
  const inputs = parts.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([input]) => input);
  return { file, launcher, sizeBytes: size, hasWarnings: warnings.length > 0, inputs };
}

const exported = Object.entries(environment)
  .map(([name, value]) => `${name}=${value}`)
  .join(" ");

/**
 * As images start it, on a machine that has a shell. Node's own options go through NODE_OPTIONS, another Node through
 * NODE.
 */
const launcherText = (name: ProgramName, nodeOptions: string): string => `#!/bin/sh
export ${exported}
exec "\${NODE:-node}" ${nodeOptions} "$(dirname "$0")/${name}.mjs" "$@"
`;
