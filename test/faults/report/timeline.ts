/**
 * A run as a picture, in SVG: time goes to the right; a group of lanes a lock, in it lanes of each pod, in a lane one attempt
 * after another: its wait as a line, its grant as a bar with its fence, up to its release, and beyond it, pale, as long as it
 * was guaranteed. Faults shade the lanes of the pod that they happen to, or, those of etcd, all.
 */
import { reliedUntilMs, type Attempt, type Grant, type History } from "../history/history.ts";
import type { Violation } from "../checks/violation.ts";
import { escaped } from "./escaped.ts";

export interface Window {
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface Timeline {
  /** What stands to the left, and stays there. */
  readonly labels: string;
  readonly chart: string;
}

const pxPerMs = 0.06;
const laneHeight = 9;
const barHeight = 7;
const groupGap = 8;
const headHeight = 22;
const labelWidth = 170;
const tickMs = 1_000;
/** A bar is seen, however short it was. */
const barMinPx = 1.5;
/** Its fence is written into a bar where there is room. */
const fenceMinPx = 60;
const fenceDigits = 6;
/** Each is for one round only. */
const isPassing = (lock: string): boolean => lock.includes("/relay-");

interface Lane {
  readonly label: string;
  readonly target: string;
  readonly top: number;
  readonly height: number;
}

export function timeline(
  { attempts, grants, faults }: History,
  violations: readonly Violation[],
  window: Window,
): Timeline {
  const chart = new Chart(window, grants, violations);
  const targets = [...new Set(faults.map(({ target }) => target))].sort();
  for (const target of targets) chart.faultLane(target);
  const shown = attempts.filter(
    ({ lock, askedMs, settledMs = Infinity }) =>
      !isPassing(lock) && askedMs < window.untilMs && settledMs > window.fromMs,
  );
  const locks = [...new Set(shown.map(({ lock }) => lock))].sort();
  for (const lock of locks) {
    chart.group(lock);
    const of = shown.filter((attempt) => attempt.lock === lock);
    for (const pod of [...new Set(of.map((attempt) => attempt.pod))].sort())
      chart.podLane(
        pod,
        of.filter((attempt) => attempt.pod === pod),
      );
  }
  return chart.drawn(faults);
}

class Chart {
  readonly #window: Window;
  readonly #grants: ReadonlyMap<string, Grant>;
  readonly #violations: readonly Violation[];
  readonly #guilty: ReadonlySet<string>;
  readonly #labels: string[] = [];
  readonly #marks: string[] = [];
  readonly #faultLanes = new Map<string, Lane>();
  readonly #podLanes: Lane[] = [];
  #height = headHeight;

  constructor(window: Window, grants: readonly Grant[], violations: readonly Violation[]) {
    this.#window = window;
    this.#grants = new Map(grants.map((grant) => [grant.attempt.op, grant]));
    this.#violations = violations;
    this.#guilty = new Set(violations.flatMap(({ ops }) => ops));
  }

  faultLane(target: string): void {
    const lane = this.#lane(target, target, 14);
    this.#faultLanes.set(target, lane);
  }

  group(lock: string): void {
    this.#height += groupGap;
    this.#labels.push(text({ x: 2, y: this.#height + 10, of: lock, type: "lock" }));
    this.#height += 14;
  }

  podLane(pod: string, attempts: readonly Attempt[]): void {
    const { rows, count } = packed(attempts, (attempt) => this.#endMs(attempt));
    const lane = this.#lane(pod, pod, count * laneHeight + 2);
    this.#podLanes.push(lane);
    for (const { attempt, row } of rows) this.#attempt(attempt, lane.top + 1 + row * laneHeight);
  }

  drawn(faults: History["faults"]): Timeline {
    const width = this.#x(this.#window.untilMs);
    const bands = faults.flatMap((fault) => this.#bandsOf(fault));
    const marks = this.#violations.map(({ rule, what, atMs }, at) => {
      const x = this.#x(atMs);
      return `<g id="at${at + 1}" class="violation"><line x1="${x}" x2="${x}" y1="0" y2="${this.#height}"/><title>${escaped(`${rule}: ${what}`)}</title></g>`;
    });
    const open = (of: number) =>
      `<svg xmlns="http://www.w3.org/2000/svg" width="${of}" height="${this.#height}" viewBox="0 0 ${of} ${this.#height}">`;
    return {
      labels: `${open(labelWidth)}${this.#labels.join("")}</svg>`,
      chart: `${open(width)}${this.#ticks().join("")}${bands.join("")}${this.#marks.join("")}${marks.join("")}</svg>`,
    };
  }

  #lane(label: string, target: string, height: number): Lane {
    const lane = { label, target, top: this.#height, height };
    this.#labels.push(
      text({ x: 14, y: this.#height + Math.min(10, height), of: label, type: "pod" }),
    );
    this.#height += height + 1;
    return lane;
  }

  #attempt(attempt: Attempt, y: number): void {
    const { op, outcome = "never answered", askedMs, by, mode, permits, code } = attempt;
    const grant = this.#grants.get(op);
    const { settledMs = this.#window.untilMs } = attempt;
    const guilt = this.#guilty.has(op) ? " guilty" : "";
    const middle = y + barHeight / 2;
    const about = `${op} ${attempt.lock} (${by}, ${mode}, ${permits}): ${outcome}${code === undefined ? "" : ` ${code}`}, asked at ${seconds(askedMs)}, after ${Math.round(settledMs - askedMs)} ms`;
    this.#marks.push(
      `<line class="wait ${outcome === "granted" ? "" : "vain"}${guilt}" x1="${this.#x(askedMs)}" x2="${this.#x(settledMs)}" y1="${middle}" y2="${middle}"><title>${escaped(about)}</title></line>`,
    );
    if (grant !== undefined) this.#grant(grant, y, guilt);
  }

  #grant(grant: Grant, y: number, guilt: string): void {
    const { atMs, fence, lostMs, attempt, releasingMs } = grant;
    const goneMs = this.#goneMs(grant);
    const [x, until] = [this.#x(atMs), this.#x(goneMs)];
    const stated = Math.max(...grant.statements.map(({ untilMs }) => untilMs));
    const width = Math.max(barMinPx, until - x);
    const how = lostMs !== undefined ? "lost" : attempt.mode;
    const about = `${attempt.op} ${attempt.lock}: fence ${String(fence)}, from ${seconds(atMs)} to ${seconds(goneMs)}${releasingMs === undefined ? ", never given back" : ""}, guaranteed until ${seconds(stated)}${lostMs === undefined ? "" : `, lost at ${seconds(lostMs)}`}`;
    const title = `<title>${escaped(about)}</title>`;
    if (stated > goneMs && releasingMs === undefined)
      this.#marks.push(
        `<rect class="guarantee" x="${until}" y="${y}" width="${this.#x(stated) - until}" height="${barHeight}"/>`,
      );
    this.#marks.push(
      `<rect class="${how}${guilt}" x="${x}" y="${y}" width="${round(width)}" height="${barHeight}">${title}</rect>`,
    );
    if (width >= fenceMinPx)
      this.#marks.push(
        text({
          x: x + 2,
          y: y + barHeight - 1,
          of: `…${String(fence).slice(-fenceDigits)}`,
          type: "fence",
        }),
      );
  }

  #endMs(attempt: Attempt): number {
    const grant = this.#grants.get(attempt.op);
    const { settledMs = this.#window.untilMs } = attempt;
    return grant === undefined ? settledMs : Math.max(settledMs, this.#goneMs(grant));
  }

  #goneMs(grant: Grant): number {
    const { atMs, releasedMs, releasingMs, lostMs } = grant;
    return Math.max(atMs, releasedMs ?? releasingMs ?? lostMs ?? reliedUntilMs(grant));
  }

  #bandsOf({ name, target, beginsMs, endsMs }: History["faults"][number]): string[] {
    const [x, until] = [this.#x(beginsMs), this.#x(Math.min(endsMs, this.#window.untilMs))];
    const width = round(Math.max(barMinPx, until - x));
    const title = `<title>${escaped(`${name} of ${target}, ${seconds(beginsMs)} to ${seconds(endsMs)}`)}</title>`;
    const own = this.#faultLanes.get(target);
    const isOfPod = this.#podLanes.some((lane) => lane.target === target);
    const lanes = this.#podLanes.filter((lane) => !isOfPod || lane.target === target);
    return [
      ...lanes.map(
        ({ top, height }) =>
          `<rect class="${isOfPod ? "fault" : "etcd"}" x="${x}" y="${top}" width="${width}" height="${height}">${title}</rect>`,
      ),
      ...(own === undefined
        ? []
        : [
            `<rect class="cause" x="${x}" y="${own.top}" width="${width}" height="${own.height}">${title}</rect>`,
            text({ x: x + 2, y: own.top + 10, of: name, type: "cause" }),
          ]),
    ];
  }

  #ticks(): string[] {
    const ticks: string[] = [];
    const first = Math.ceil(this.#window.fromMs / tickMs) * tickMs;
    for (let atMs = first; atMs < this.#window.untilMs; atMs += tickMs) {
      const x = this.#x(atMs);
      ticks.push(`<line class="tick" x1="${x}" x2="${x}" y1="14" y2="${this.#height}"/>`);
      ticks.push(text({ x: x + 2, y: 11, of: `${atMs / 1_000} s`, type: "time" }));
    }
    return ticks;
  }

  #x(ms: number): number {
    const { fromMs, untilMs } = this.#window;
    return round((Math.min(Math.max(ms, fromMs), untilMs) - fromMs) * pxPerMs);
  }
}

/** Attempts in as few rows as have room for them. */
function packed(attempts: readonly Attempt[], endOf: (attempt: Attempt) => number) {
  const ends: number[] = [];
  const rows = attempts.map((attempt) => {
    const free = ends.findIndex((end) => end < attempt.askedMs);
    const row = free < 0 ? ends.length : free;
    ends[row] = endOf(attempt);
    return { attempt, row };
  });
  return { rows, count: ends.length };
}

interface Text {
  readonly x: number;
  readonly y: number;
  readonly of: string;
  readonly type: string;
}

function text({ x, y, of, type }: Text): string {
  return `<text class="${type}" x="${round(x)}" y="${round(y)}">${escaped(of)}</text>`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(3)} s`;
}

function round(px: number): number {
  return Math.round(px * 10) / 10;
}
