/**
 * A process that writes one copy after another until it is killed, and does nothing else: a kill at any moment hits a
 * writing (test/integration/copy.test.ts). Tells each that is written. Argument: the folder.
 */
import process from "node:process";
import type { Epoch } from "#core/runtime.ts";
import { judgeRecord } from "#core/spec/records.ts";
import { revision } from "#core/store.ts";
import { writeCopy } from "#sidecar/resources/copy-file.ts";
import { encodeCopy } from "#sidecar/resources/copy.ts";

const [folder = ""] = process.argv.slice(2);
/** About as many as have room, so that a writing takes long. */
const count = 18_000;

function copyOf(generation: number): Uint8Array {
  const value = { uid: "u", generation, level: 1, spec: { mode: "Mutex" } };
  const records = Array.from({ length: count }, (_, at) =>
    judgeRecord(value, {
      ...{ kind: "DistributedLock", name: `pool-${at}` },
      modRevision: revision(generation),
    }),
  );
  return encodeCopy({ writtenAt: 1 as Epoch, records }, "default").bytes;
}

const copies = [copyOf(1), copyOf(2)];
for (;;) {
  for (const bytes of copies) {
    const problem = await writeCopy(folder, bytes);
    if (problem !== undefined) throw new Error(problem);
    process.stdout.write(".");
  }
}
