/** `make cluster-load`: the project's images, made from the tree as it is, into the cluster of `make cluster-up RUNG=real`. */
import process from "node:process";
import { ToolMissing } from "#tools/fetch.ts";
import { clusterFolder, look } from "./by-hand.ts";
import { importArchive } from "./real/containerd.ts";
import { importProjectImages } from "./real/project-images.ts";

const say = (text: string): void => console.error(text);

async function main(): Promise<number> {
  const found = look();
  if (found.is !== "up" || found.cluster.rung !== "real") {
    say("No cluster that runs pods is up. Start one: make cluster-up RUNG=real");
    return 1;
  }
  const importImage = (archive: string): Promise<void> => importArchive(clusterFolder, archive);
  const images = await importProjectImages({ importImage }, say);
  for (const image of Object.values(images)) console.log(image);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof ToolMissing)) throw error;
  say(error.message);
  process.exitCode = 1;
}
