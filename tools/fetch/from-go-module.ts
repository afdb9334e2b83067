/**
 * Builds a program from its Go module. A small module of our own requires it, since `go install` refuses modules that
 * name replacements.
 */
import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { ask, run, type Say } from "./step.ts";

export interface GoProgram {
  readonly program: string;
  readonly module: string;
  readonly version: string;
  readonly folder: string;
  readonly say: Say;
}

export async function fromGoModule({
  program,
  module,
  version,
  folder,
  say,
}: GoProgram): Promise<void> {
  const go = await ask("go", ["version"]);
  if (go === undefined) throw new Error("there is no Go on this machine");
  say(`building ${module}@v${version} with Go (a minute or two the first time)`);
  const source = path.join(folder, "source");
  await mkdir(source);
  const env = { GOFLAGS: "-mod=mod", GOWORK: "off", CGO_ENABLED: "0" };
  const progress: Say = (line) => {
    say(`still building: ${line}`);
  };
  await run({ command: "go", args: ["mod", "init", "holdfast.dev/fetch"], folder: source, env });
  await run({
    command: "go",
    args: ["get", `${module}@v${version}`],
    folder: source,
    env,
    progress,
  });
  const output = path.join(folder, program);
  await run({
    command: "go",
    args: ["build", "-trimpath", "-ldflags", "-s -w", "-o", output, module],
    folder: source,
    env,
    progress,
  });
  await rm(source, { recursive: true, force: true });
}
