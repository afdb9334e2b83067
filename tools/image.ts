/** `make image`: the images of sidecar, operator and etcd as archives, with their bills of materials, in .cache/images. */
import process from "node:process";
import { ToolMissing } from "./fetch.ts";
import { imagesFolder, writeImages } from "./image/write.ts";

const say = (text: string): void => console.error(text);

async function main(): Promise<number> {
  try {
    for await (const { archive, digest, sizeBytes } of writeImages({ folder: imagesFolder, say }))
      console.log(`${archive}: ${(sizeBytes / 1e6).toFixed(1)} MB, ${digest}`);
    return 0;
  } catch (error) {
    if (!(error instanceof ToolMissing)) throw error;
    say(error.message);
    return 1;
  }
}

process.exitCode = await main();
