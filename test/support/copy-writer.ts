/**
 * A process that writes one copy after another, as fast as it can, until it is killed: test/integration/copy.test.ts. Tells
 * the generation of each when it is written. Arguments: the folder, and the generation to begin with.
 */
import process from "node:process";
import type { Epoch } from "#core/runtime.ts";
import { judgeRecord } from "#core/spec/records.ts";
import { revision } from "#core/store.ts";
import { writeCopy } from "#sidecar/resources/copy-file.ts";
import { encodeCopy } from "#sidecar/resources/copy.ts";

const [folder = "", first = "1"] = process.argv.slice(2);
/** Enough that a copy is written in several pieces. */
const count = 3_000;

for (let generation = Number(first); ; generation++) {
  const value = { uid: "u", generation, level: 1, spec: { mode: "Mutex" } };
  const records = Array.from({ length: count }, (_, at) =>
    judgeRecord(value, {
      ...{ kind: "DistributedLock", name: `pool-${at}` },
      modRevision: revision(generation),
    }),
  );
  const seen = { cluster: "c", revision: revision(generation) };
  const copy = { seen, highestBase: 1n, writtenAt: 1 as Epoch, records };
  const problem = await writeCopy(folder, encodeCopy(copy, "default").bytes);
  if (problem !== undefined) throw new Error(problem);
  process.stdout.write(`${generation}\n`);
}
