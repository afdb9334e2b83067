/**
 * Builds a Go program of which only a small main stands in this project: what it is made of comes from Go's modules,
 * pinned by the go.mod and go.sum beside it. Nothing is resolved anew (`-mod=readonly`), so all build the same.
 */
import { ask, run, type Say } from "./step.ts";

export interface GoSource {
  /** The folder of main.go. */
  readonly source: string;
  /** Its go.mod, in that folder; the go.sum has the same name before its ending. */
  readonly modules: string;
  readonly output: string;
  /** Variables that the linker sets, by their full names. */
  readonly stamps: Readonly<Record<string, string>>;
  /** How long it takes, in words. */
  readonly takes: string;
  readonly say: Say;
}

/** Kubernetes takes 7 minutes on two idle cores: this only ends a build that hangs. */
const buildMaxMs = 45 * 60_000;
/** A long build is told every so often, not every time that it could be. */
const tellEveryMs = 15_000;

export async function fromGoSource(wanted: GoSource): Promise<void> {
  const { source, modules, output, stamps, takes, say } = wanted;
  const go = await ask("go", ["version"]);
  if (go === undefined) throw new Error("there is no Go on this machine");
  say(`building it from Go's modules (${takes})`);
  const stamped = Object.entries(stamps).map(([name, value]) => `-X=${name}=${value}`);
  let toldAt = Date.now();
  await run({
    command: "go",
    args: [
      ...["build", "-v", "-trimpath", `-modfile=${modules}`],
      ...["-ldflags", ["-s", "-w", ...stamped].join(" ")],
      ...["-o", output, "."],
    ],
    folder: source,
    env: { GOFLAGS: "-mod=readonly -buildvcs=false", GOWORK: "off", CGO_ENABLED: "0" },
    timeoutMs: buildMaxMs,
    progress: (line) => {
      if (Date.now() - toldAt < tellEveryMs) return;
      toldAt = Date.now();
      say(`still building: ${line}`);
    },
  });
}
