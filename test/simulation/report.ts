/** A failed run, told so that it can be understood and replayed. */
import { decodeJson } from "#core/json.ts";
import type { Change } from "#core/store.ts";
import { describeSchedule } from "./schedule.ts";
import type { Run } from "./simulate.ts";
import type { Stage } from "./stage.ts";

const violationsMax = 10;
const linesMax = 400;

export function report({ seed, violations, stage }: Run): string {
  const shown = violations.slice(0, violationsMax).map(({ rule, what, atMs }) => {
    const at = atMs === undefined ? "" : ` at ${atMs.toFixed(3)} ms`;
    return `  ${rule}${at}: ${what}`;
  });
  const first = Math.min(...violations.map(({ atMs }) => atMs ?? Infinity));
  return [
    traceOf(stage, first),
    "",
    `Seed ${seed}: ${describeSchedule(stage.schedule)}`,
    ...shown,
    ...(violations.length > violationsMax
      ? [`  and ${String(violations.length - violationsMax)} more`]
      : []),
    `Replay it with: make simulate SEED=${seed} RUNS=1`,
  ].join("\n");
}

/** What was logged, asked, answered and committed, up to a little after the first violation. */
function traceOf(stage: Stage, violatedMs: number): string {
  const lines = [...logged(stage), ...asked(stage), ...committed(stage)]
    .filter(({ atMs }) => atMs <= violatedMs + 1)
    .sort((a, b) => a.atMs - b.atMs);
  return lines
    .slice(-linesMax)
    .map(({ atMs, who, what }) => `${atMs.toFixed(3).padStart(12)} ${who.padEnd(10)} ${what}`)
    .join("\n");
}

interface Line {
  readonly atMs: number;
  readonly who: string;
  readonly what: string;
}

function logged({ world }: Stage): Line[] {
  return world.journal.lines().map(({ atMs, process, level, message, fields }) => ({
    atMs,
    who: process,
    what: `${level === "debug" || level === "info" ? "" : `${level}: `}${message} ${show(fields)}`,
  }));
}

function asked({ history }: Stage): Line[] {
  const attempts = history.attempts.flatMap((attempt): Line[] => {
    const { id, process: who, lock, waitMs, arrivedMs, settledMs, outcome, code } = attempt;
    const request = attempt.requestId === undefined ? "" : ` as ${attempt.requestId}`;
    const came = `#${String(id)} acquires ${lock}, wait ${String(waitMs)} ms${request}`;
    const heard = `#${String(id)} hears ${outcome ?? ""} ${code ?? attempt.grantId ?? ""}`;
    return [
      { atMs: arrivedMs, who, what: came },
      ...(settledMs === undefined ? [] : [{ atMs: settledMs, who, what: heard }]),
    ];
  });
  const grants = history.grants.flatMap(
    ({ id, process: who, fence, claims, releasedMs, waived }) => [
      ...claims.map(({ atMs, guaranteedForMs }) => ({
        atMs,
        who,
        what: `says that ${id} holds, fence ${String(fence)}, guaranteed for ${String(guaranteedForMs)} ms${waived === undefined ? "" : " (waived)"}`,
      })),
      ...(releasedMs === undefined
        ? []
        : [{ atMs: releasedMs, who, what: `${id} is let go by its client` }]),
    ],
  );
  return [...attempts, ...grants];
}

function committed({ record }: Stage): Line[] {
  return record.commits.map(({ atMs, changes }) => ({
    atMs,
    who: "etcd",
    what: changes.map(showChange).join("; "),
  }));
}

function showChange(change: Change): string {
  if (change.kind === "delete") return `${String(change.revision)} delete ${shortened(change.key)}`;
  const { key, value, createRevision, modRevision } = change.now;
  const made = createRevision === modRevision ? "" : ` made at ${String(createRevision)}`;
  const { session, ...rest } = decodeJson(value) ?? {};
  return `${String(modRevision)} put ${shortened(key)}${made} ${session === undefined ? show(rest) : ""}`;
}

function shortened(key: string): string {
  return key.replace("/holdfast/v1/", "").replace("data/default/", "");
}

function show(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${value instanceof Error ? String(value) : text(value)}`)
    .join(" ");
}

function text(value: unknown): string {
  if (typeof value === "string") return value;
  return JSON.stringify(value, (_name, part: unknown) =>
    typeof part === "bigint" ? part.toString() : part,
  );
}
