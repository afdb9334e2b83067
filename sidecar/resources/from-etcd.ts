/**
 * Resources as they stand in etcd's spec tree, in either mode: who wrote them is all that differs. The mirror has them;
 * this tells people what is served and what is not, and what is known from before.
 */
import type { Log } from "#core/runtime.ts";
import { secondTime } from "#host/wall-time.ts";
import { copyFileIn, readCopy } from "./copy-file.ts";
import type { Copy } from "./copy.ts";
import type { SpecMirror } from "./mirror.ts";
import { orAbort } from "../or-abort.ts";

const namesLoggedMax = 50;

/** Logs each change of what is served, until the signal aborts. */
export async function logServed(mirror: SpecMirror, log: Log, signal: AbortSignal): Promise<void> {
  let before = new Map<string, string>();
  await orAbort(mirror.ready, signal);
  while (!signal.aborted) {
    before = tell(mirror, before, log);
    await mirror.nextChange(signal);
  }
}

function tell(
  mirror: SpecMirror,
  before: ReadonlyMap<string, string>,
  log: Log,
): Map<string, string> {
  const now = new Map<string, string>();
  let told = 0;
  for (const { kind, name, generation, problem } of mirror.resources()) {
    const key = `${kind}/${name}`;
    const state = `${String(generation)} ${problem ?? ""}`;
    now.set(key, state);
    if (before.get(key) === state || told++ >= namesLoggedMax) continue;
    if (problem === undefined) log.info("resource in force", { kind, name, generation });
    else log.warn("resource not served", { kind, name, generation, problem });
  }
  for (const key of before.keys()) {
    if (!now.has(key) && told++ < namesLoggedMax) log.info("resource gone", { resource: key });
  }
  if (told > namesLoggedMax) log.info("more resources changed", { more: told - namesLoggedMax });
  return now;
}

export interface RememberParts {
  /** Undefined: nothing is kept. */
  readonly folder: string | undefined;
  readonly namespace: string;
  readonly log: Log;
}

/** What an earlier life of this process knew; undefined: nothing that can be used, and the log says why. */
export async function rememberedCopy({
  folder,
  namespace,
  log,
}: RememberParts): Promise<Copy | undefined> {
  if (folder === undefined) return undefined;
  const read = await readCopy(folder, namespace);
  const file = copyFileIn(folder);
  switch (read.kind) {
    case "none":
      return undefined;
    case "unusable":
      log.warn(`the copy of the resources is not used: it ${read.reason}`, { file });
      return undefined;
    case "usable": {
      const { records, writtenAt } = read.copy;
      log.info("the resources are known from before, until etcd tells", {
        ...{ file, resources: records.length },
        writtenAt: secondTime(writtenAt),
      });
      return read.copy;
    }
    default:
      return read satisfies never;
  }
}
