/**
 * Brings promtool, by which Prometheus tells what an alert does with given series, from the first source that works: PATH,
 * our cache, the Debian package of Prometheus. Any version will do: the rules here use nothing that is new.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { cached, cacheFolder, install, locked } from "./cache.ts";
import { ToolMissing } from "./etcd.ts";
import { fromDebian } from "./from-debian.ts";
import { ask, type Say } from "./step.ts";

const program = "promtool";
let underWay: Promise<string> | undefined;

/** The path of the program. Asked for twice at once, it is brought once. Throws `ToolMissing` where it cannot be had. */
export function fetchPromtool(log?: Say): Promise<string> {
  underWay ??= find((line) => log?.(`${program}: ${line}`)).finally(() => {
    underWay = undefined;
  });
  return underWay;
}

async function find(say: Say): Promise<string> {
  const folders = (process.env["PATH"] ?? "").split(path.delimiter).filter((one) => one !== "");
  const onPath = folders.map((one) => path.join(one, program)).find((one) => existsSync(one));
  for (const file of [onPath, cached(program, program)])
    if (file !== undefined && (await runs(file))) return file;
  return locked(program, say, async () => {
    const meanwhile = cached(program, program);
    if (meanwhile !== undefined && (await runs(meanwhile))) return meanwhile;
    return bring(say);
  });
}

async function bring(say: Say): Promise<string> {
  try {
    const folder = await install(program, (place) =>
      fromDebian({ program, package: "prometheus", folder: place, say }),
    );
    const file = path.join(folder, program);
    if (!(await runs(file))) throw new Error("what it gave does not run on this machine");
    say(`came from the Debian package, and is kept in ${folder}`);
    return file;
  } catch (error) {
    throw new ToolMissing(missing(error as Error));
  }
}

async function runs(file: string): Promise<boolean> {
  return (await ask(file, ["--version"])) !== undefined;
}

function missing(why: Error): string {
  return [
    `${program} is missing, and no source has it.`,
    `  tried Debian: ${why.message}`,
    "Any of these helps:",
    `  1. put a ${program} on the PATH`,
    `  2. unpack it from https://github.com/prometheus/prometheus/releases to ${path.join(cacheFolder(), program)}`,
    "  3. test without it: the tests of alerts are then skipped",
  ].join("\n");
}
