/** The npm package of the holdfast command: one file, README and licence. */
import { chmod, mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { pack, type Package } from "#tools/client/pack.ts";
import { bundleCli } from "./bundle.ts";

/** `folder`: below the project's; emptied first. */
export async function packCli(folder = "dist/cli"): Promise<Package> {
  await rm(folder, { recursive: true, force: true });
  const built = path.join(folder, "package");
  await mkdir(built, { recursive: true });
  const file = path.join(built, "holdfast.js");
  await bundleCli(file);
  await chmod(file, 0o755);
  // Not a package.json: below one, Node would look for the project's own imports (#client/…) in there.
  return pack({ source: "cli", manifest: "cli/npm.json", built, folder });
}
