/** `make image-push REGISTRY=host/path`: what `make image` has made, to a registry. */
import process from "node:process";
import { credentialsFor, NoCredentials } from "./image/push/credentials.ts";
import { NoPlace, placeOf } from "./image/push/place.ts";
import { pushAll } from "./image/push/push-all.ts";
import { PushRefused } from "./image/push/refused.ts";
import { Registry } from "./image/push/registry.ts";
import { imagesFolder } from "./image/write.ts";

async function main(): Promise<number> {
  try {
    const place = placeOf(process.env["REGISTRY"] ?? "");
    const registry = new Registry(place, await credentialsFor(place.host, process.env));
    const say = (line: string): void => {
      console.error(line);
    };
    for (const name of await pushAll(registry, place, { folder: imagesFolder, say }))
      console.log(name);
    return 0;
  } catch (error) {
    const isTold = [NoPlace, NoCredentials, PushRefused].some((each) => error instanceof each);
    if (!isTold) throw error;
    console.error((error as Error).message);
    return 1;
  }
}

process.exitCode = await main();
