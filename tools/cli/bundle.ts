/** The holdfast command in one file that runs by itself, on any Node that the client runs on. */
import { build } from "esbuild";

/** On a machine with a shell's env; images have none. */
export const anyNode = "/usr/bin/env node";

/** `node`: what the first line of the file names. */
export async function bundleCli(file: string, node = anyNode): Promise<void> {
  const { warnings } = await build({
    entryPoints: ["cli/main.ts"],
    outfile: file,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: "none",
    banner: { js: `#!${node}` },
    logLevel: "warning",
  });
  if (warnings.length > 0) throw new Error("The bundle of the command has warnings.");
}
