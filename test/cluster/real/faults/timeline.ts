/** The moments of a pod's life: what must come before what, and the page that is made of a run. */
import assert from "node:assert/strict";

/** What happens, who tells of it, and how the page says it. */
const steps = {
  created: [
    "API server",
    "The pod is made, with the sidecar that the operator's webhook put into it.",
  ],
  scheduled: ["API server", "It has a node."],
  "sidecar started": ["sidecar", "The sidecar's process begins, before all other containers."],
  "certificate given": [
    "sidecar",
    "The operator has asked the API server whose token this is, and gave a certificate for etcd.",
  ],
  session: ["sidecar", "It has a session with etcd."],
  ready: [
    "sidecar",
    "Locks can be taken: the startup probe passes, and holds the app back no more.",
  ],
  "app started": ["app", "The app begins, and asks for the lock at once."],
  granted: ["app", "It has the lock, with a ttl of an hour. Another pod asks for it, and waits."],
  "eviction asked": ["who evicts", "The eviction is asked for, as `kubectl drain` does it."],
  "app asked to end": [
    "app",
    "The kubelet asks the app to end. It takes half a second, and releases nothing.",
  ],
  "app ended": ["app", "The app ends."],
  "sidecar asked to end": ["sidecar", "The kubelet asks the sidecar to end."],
  "given back": [
    "sidecar",
    "It has given the lock back, when also an app that had to be killed would have ended.",
  ],
  "next granted": ["the next app", "The app that waited has the lock."],
  gone: ["API server", "The pod is gone."],
} as const;

export type Step = keyof typeof steps;

export interface Moment {
  readonly step: Step;
  /** In ms, of the machine's wall clock. */
  readonly wall: number;
}

/** Each of these is in order; between them only what they share is. */
const orders: readonly (readonly Step[])[] = [
  [
    ...(["created", "scheduled", "sidecar started", "certificate given", "session"] as const),
    ...(["ready", "app started", "granted", "eviction asked", "app asked to end"] as const),
    ...(["app ended", "sidecar asked to end", "given back", "gone"] as const),
  ],
  ["sidecar asked to end", "next granted", "gone"],
];

export function assertInOrder(moments: readonly Moment[]): void {
  const named = Object.keys(steps).toSorted();
  assert.deepEqual(moments.map(({ step }) => step).toSorted(), named);
  const at = new Map(moments.map(({ step, wall }) => [step, wall]));
  for (const order of orders) {
    const seen = order.toSorted((a, b) => (at.get(a) ?? 0) - (at.get(b) ?? 0));
    assert.deepEqual(seen, order);
  }
}

const head = `<!-- Made from a run of test/cluster/real/pods-faults.test.ts with UPDATE=1. Do not edit. -->

# The life of a pod with a lock

A pod of a namespace with \`holdfast.dev/inject: enabled\`, from its making over a lock and its eviction to the next holder, as it was
recorded on a cluster of one node with two cores. The session's ttl is ten minutes: had the lock been left to that, the next would have waited for it.
What a sidecar does at its beginning and end, and why, is in [injection](injection.md#begin-and-end).

`;

export function pageOf(moments: readonly Moment[]): string {
  const sorted = moments.toSorted((a, b) => a.wall - b.wall);
  const zero = sorted[0]?.wall ?? 0;
  const rows = sorted.map(({ step, wall }) => [
    ((wall - zero) / 1_000).toFixed(2),
    steps[step][0],
    steps[step][1],
  ]);
  return head + tableOf(["seconds", "told by", "what"], rows);
}

/** Whether the page tells of the same steps as a run would. */
export function assertTellsAll(page: string): void {
  for (const [who, what] of Object.values(steps))
    assert.ok(
      page.split("\n").some((line) => line.includes(` ${who} `) && line.includes(` ${what} `)),
      `The page does not tell: ${what} UPDATE=1 writes it.`,
    );
}

/** As the formatter has it. */
function tableOf(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = titles.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |\n`;
  return line(titles) + line(widths.map((width) => "-".repeat(width))) + rows.map(line).join("");
}
