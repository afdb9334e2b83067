/** Recording apps on an installation: each fault has namespaces of its own, so that several happen at once. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import {
  guaranteedUntil,
  lies,
  readRecord,
  type AppRecord,
  type RecordKind,
  type RecordLine,
} from "#test/support/app-record.ts";
import { until } from "#tools/cluster/until.ts";
import type { Installation } from "../installation.ts";
import {
  breathFileOf,
  recordFileOf,
  recordingPod,
  type Place,
  type RecordingApp,
} from "../recording-app.ts";

const withinMs = 180_000;

export class FaultStage {
  readonly made: Installation;
  readonly folder: string;

  constructor(made: Installation) {
    this.made = made;
    this.folder = path.join(made.cluster.folder, "seen");
    mkdirSync(this.folder, { recursive: true });
  }

  pod(place: Place, app: RecordingApp): object {
    return recordingPod(place, app, this.folder);
  }

  async start(place: Place, app: RecordingApp): Promise<void> {
    await this.made.apply(place.namespace, this.pod(place, app));
  }

  lines(place: Place): RecordLine[] {
    const file = path.join(this.folder, recordFileOf(place));
    return existsSync(file) ? readRecord(readFileSync(file, "utf8")) : [];
  }

  /** The first such line. */
  async until(
    place: Place,
    kind: RecordKind,
    { after = 0, lock }: { readonly after?: number; readonly lock?: string } = {},
  ): Promise<RecordLine> {
    return until(
      `${place.pod} to write ${kind}`,
      () => {
        const lines = this.lines(place);
        const found = lines.find(
          (line) =>
            line.kind === kind && line.at > after && (lock === undefined || line.lock === lock),
        );
        if (found === undefined) throw new Error(JSON.stringify(lines.slice(-5)));
        return Promise.resolve(found);
      },
      { withinMs },
    );
  }

  /** Its record, and when it ended, where it has. */
  record(place: Place): AppRecord {
    return { pod: place.pod, lines: this.lines(place) };
  }

  /** Of an app that was killed. */
  ended(place: Place): AppRecord {
    const file = path.join(this.folder, breathFileOf(place));
    return { ...this.record(place), lastBreath: Number(readFileSync(file, "utf8")) };
  }

  /** An app that holds the lock `1`, and one in another pod that waits for it. */
  async pair(namespace: string, app: Omit<RecordingApp, "locks">): Promise<Pair> {
    const holder = { namespace, pod: `${namespace}-holder` };
    const waiter = { namespace, pod: `${namespace}-waiter` };
    await this.made.openNamespace(namespace);
    await this.start(holder, { locks: ["1"], ...app });
    const granted = await this.until(holder, "granted");
    await this.start(waiter, { locks: ["1"] });
    await this.until(waiter, "asking");
    assert(granted.id !== undefined);
    return { holder, waiter, grant: granted.id };
  }
}

export interface Pair {
  readonly holder: Place;
  readonly waiter: Place;
  /** Of the holder. */
  readonly grant: string;
}

/** The next was granted, and not within what the first was told; both records in full say nothing else. */
export function assertNoLie(records: readonly AppRecord[]): void {
  assert.deepEqual(lies(records), []);
}

/** How long after the end of its last guarantee the next was granted. */
export function afterGuarantee(holder: AppRecord, grant: string, next: RecordLine): number {
  return Math.round(next.at - guaranteedUntil(holder, grant));
}

export const tell = (text: string): void => {
  console.log(`      ${text}`);
};
