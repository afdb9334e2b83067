/** What a restore is asked for, from the command line. Names that etcd has for the same thing are etcd's. */
import path from "node:path";
import { parseArgs } from "node:util";
import { durationExamples, readDurationMs } from "#api/fields/duration.ts";
import type { Epoch } from "#core/runtime.ts";

/** The versions that a restored etcd can be prepared for. */
export const etcdMinors = ["3.7", "3.6"] as const;
export type RestoredMinor = (typeof etcdMinors)[number];

export interface RestorePlan {
  readonly snapshot: string;
  /** Absolute. It appears whole, when all is done and it may be opened. */
  readonly dataDir: string;
  /** How much the revision rises, so that watchers and caches see that it went on; undefined: it goes back. */
  readonly bump: number | undefined;
  /** Of all sidecars, the longest. */
  readonly sessionTtlMs: number;
  /** When the last old member was stopped, on this machine's clock; undefined: it is known only that all are stopped now. */
  readonly stoppedAt: Epoch | undefined;
  /** What it is to be opened with; undefined: what wrote the snapshot. */
  readonly etcd: RestoredMinor | undefined;
  readonly member: MemberName;
}

/** How the member that is made is known to those that join it later. */
export interface MemberName {
  readonly name: string;
  readonly peerUrl: string;
  readonly clusterToken: string;
}

/** A person can mend it: the message says what is wrong, in which field, and how. */
export class NotRestored extends Error {
  override readonly name = "NotRestored";
}

/** Three times what sidecars have unless told otherwise; a longer session that the snapshot shows counts by itself. */
const sessionTtlUsual = "30s";
/** With 10,000 writes a second, three years; more would leave fences no room. */
const bumpMax = 1e12;

export const usage = `usage: node tools/restore.ts --snapshot FILE --data-dir NEW [more]

Makes the data of one etcd member from a snapshot, with nothing in it of the sidecars that were: no session, lease, place of
a lock or note. Fences of the locks go on above all that were given. All old members have to be stopped before it begins.

  --snapshot FILE                     as 'etcdctl snapshot save' wrote it
  --data-dir NEW                      a folder that is not there yet: it appears when it may be opened
  --bump-revision N --mark-compacted  the revision rises by N, so that others who watch this etcd see that they missed something
                                      (usual: 1000000000). Holdfast needs none
  --session-ttl DURATION              of the sidecars, the longest (HOLDFAST_SESSION_TTL); ${sessionTtlUsual} where it is left out
  --stopped-at TIME                   when the last old member was stopped, as in 2026-01-31T12:00:00Z, on this machine's clock; left
                                      out: a whole session's time is waited from now
  --etcd ${etcdMinors.join("|")}                      the version that will run on it; left out: that of the snapshot
  --name NAME --initial-advertise-peer-urls URL --initial-cluster-token TOKEN
                                      as etcd has them: what the member will be started with
`;

const text = { type: "string" } as const;
const flag = { type: "boolean" } as const;
const options = {
  ...{ snapshot: text, "data-dir": text, "bump-revision": text, "mark-compacted": flag },
  ...{ "session-ttl": text, "stopped-at": text, etcd: text, name: text },
  ...{ "initial-advertise-peer-urls": text, "initial-cluster-token": text, help: flag },
} as const;

/** Undefined: help was asked for. Throws NotRestored. */
export function planFrom(args: readonly string[], wallNow: Epoch): RestorePlan | undefined {
  const given = parse(args);
  if (given.help === true) return undefined;
  return {
    snapshot: required("snapshot", given.snapshot, "the file that 'etcdctl snapshot save' wrote"),
    dataDir: path.resolve(
      required("data-dir", given["data-dir"], "a folder that is not there yet"),
    ),
    bump: bumpOf(given["bump-revision"], given["mark-compacted"] === true),
    sessionTtlMs: ttlOf(given["session-ttl"] ?? sessionTtlUsual),
    stoppedAt: stoppedAtOf(given["stopped-at"], wallNow),
    etcd: etcdOf(given.etcd),
    member: {
      name: given.name ?? "default",
      peerUrl: peerUrlOf(given["initial-advertise-peer-urls"] ?? "http://localhost:2380"),
      clusterToken: given["initial-cluster-token"] ?? "etcd-cluster",
    },
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, strict: true }).values;
  } catch (error) {
    // Its messages name the option.
    const { code, message } = error as NodeJS.ErrnoException;
    if (code?.startsWith("ERR_PARSE_ARGS") !== true) throw error;
    throw new NotRestored(`${message}\n--help lists all options.`);
  }
}

function required(name: string, value: string | undefined, what: string): string {
  if (value === undefined || value === "")
    throw new NotRestored(`--${name} is missing: name ${what}.`);
  return value;
}

function bumpOf(text: string | undefined, marksCompacted: boolean): number | undefined {
  if (text === undefined) {
    if (!marksCompacted) return undefined;
    throw new NotRestored(
      "--mark-compacted goes with --bump-revision N: give both, or leave both out.",
    );
  }
  const bump = Number(text);
  if (!/^\d+$/.test(text) || bump < 1 || bump > bumpMax)
    throw new NotRestored(
      `--bump-revision ${text} is no whole number from 1 to ${bumpMax}; usual is 1000000000.`,
    );
  if (!marksCompacted)
    throw new NotRestored(
      "--bump-revision needs --mark-compacted: who watches from before would be told nothing, and take that for no change. Give both.",
    );
  return bump;
}

function ttlOf(text: string): number {
  const ms = readDurationMs(text);
  if (ms === undefined || ms < 1)
    throw new NotRestored(`--session-ttl ${text} is no duration, as in ${durationExamples}.`);
  return ms;
}

/** Only with an offset: a time without one would be read by this machine's zone, and noted by another's. */
const momentForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

function stoppedAtOf(text: string | undefined, wallNow: Epoch): Epoch | undefined {
  if (text === undefined) return undefined;
  const at = momentForm.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at))
    throw new NotRestored(
      `--stopped-at ${text} is no moment: write it with seconds and offset, as 'date -Is' does.`,
    );
  if (at > wallNow)
    throw new NotRestored(
      `--stopped-at ${text} is to come: stop all old members first, then write when the last one ended, by this machine's clock.`,
    );
  return at as Epoch;
}

function etcdOf(text: string | undefined): RestoredMinor | undefined {
  const minor = etcdMinors.find((one) => one === text);
  if (text !== undefined && minor === undefined)
    throw new NotRestored(`--etcd ${text} is not known: name ${etcdMinors.join(" or ")}.`);
  return minor;
}

function peerUrlOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isOne = url !== undefined && ["http:", "https:"].includes(url.protocol) && url.port !== "";
  if (!isOne)
    throw new NotRestored(
      `--initial-advertise-peer-urls ${text} is not one URL with a port, as in http://10.0.0.1:2380. Other members are added when this one runs.`,
    );
  return text;
}
