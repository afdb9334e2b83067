/**
 * Apps that know only localhost, and write down what they asked, what they were told, and when, by a clock that all
 * containers of a machine share (monotonic, in ms). They write to a folder of the machine: what they saw outlives the
 * container, the pod and the API server.
 */
import { imageOf } from "#tools/cluster/real/site.ts";

export interface RecordingApp {
  /** In the pool `orders`; each is taken by itself. */
  readonly locks: readonly string[];
  /** Further ones, which are held until the app ends. */
  readonly kept?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  /** Of its grants. */
  readonly ttl?: string;
  /** After so long a lock is given back and asked for again. Absent: it is held until the app ends. */
  readonly holdMs?: number;
  /** What SIGTERM means: the app ends after half a second, or goes on. */
  readonly onTerm?: "ends" | "ignores";
  readonly graceSeconds?: number;
  /** The app's container has a preStop that takes longer than any grace period. */
  readonly preStop?: boolean;
  /** It is an init container: what the pod is for has not begun yet. */
  readonly inInit?: boolean;
}

export interface Place {
  readonly namespace: string;
  readonly pod: string;
}

/** By which the machine knows the app's process; its value is the pod. */
export const appVariable = "RECORDING_APP";
/** Where the machine's folder is in the pod. */
const folderInPod = "/seen";
export const recordFileOf = ({ namespace, pod }: Place): string => `${namespace}.${pod}.jsonl`;
/** When the app drew its last breath, to within milliseconds. */
export const breathFileOf = ({ namespace, pod }: Place): string => `${namespace}.${pod}.breath`;

const hangs = ["node", "--eval", "setTimeout(() => {}, 60_000)"];
const idle = { image: imageOf("node"), imagePullPolicy: "Never", command: hangs };

const script = `
const fs = process.getBuiltinModule("node:fs");
const { file, breath, locks, kept, ttl, holdMs, ends } = JSON.parse(process.env.PLAN);
const now = () => Number(process.hrtime.bigint()) / 1e6;
const write = (kind, more = {}) =>
  fs.appendFileSync(file, JSON.stringify({ at: now(), wall: Date.now(), kind, ...more }) + "\\n");
const rest = (ms) => new Promise((done) => setTimeout(done, ms));
const breathes = fs.openSync(breath, "w");
setInterval(() => fs.writeSync(breathes, String(now()).padEnd(32), 0), 2);
process.on("SIGTERM", () => {
  write("terminated");
  if (ends) setTimeout(() => { write("ended"); process.exit(0); }, 500);
});
write("started");
async function ask(method, path, withinMs) {
  const askedAt = now();
  try {
    const signal = AbortSignal.timeout(withinMs);
    const answer = await fetch("http://localhost:4653/v1" + path, { method, signal });
    const body = answer.status === 204 ? {} : await answer.json();
    return { askedAt, status: answer.status, body };
  } catch (error) {
    return { askedAt, status: 0, body: { code: "unreached", detail: String(error.cause ?? error) } };
  }
}
async function hold(lock, id, heldMs) {
  const until = now() + heldMs;
  for (;;) {
    const { askedAt, status, body } = await ask("POST", "/grants/" + id + "/renew", 2_000);
    const { code, reason, since, guaranteedFor } = body;
    if (status === 200) write("told", { lock, id, askedAt, guaranteedFor });
    else write(status === 0 || status >= 500 ? "unanswered" : "lost", { lock, id, askedAt, status, code, reason, since });
    if (status !== 0 && status !== 200 && status < 500) return;
    if (now() > until) break;
    await rest(100);
  }
  write("releasing", { lock, id });
  const { status, body } = await ask("DELETE", "/grants/" + id, 5_000);
  write("released", { lock, id, status, code: body.code });
}
async function use(lock, heldMs) {
  for (;;) {
    write("asking", { lock });
    const { askedAt, status, body } = await ask("POST", "/locks/orders/" + lock + "/acquire?wait=2m&ttl=" + ttl, 125_000);
    if (status !== 200) {
      write("failed", { lock, status, code: body.code });
      await rest(200);
      continue;
    }
    const { grantId: id, fence, guaranteedFor } = body;
    write("granted", { lock, id, fence, askedAt, guaranteedFor });
    await hold(lock, id, heldMs);
  }
}
for (const lock of locks) use(lock, holdMs ?? Infinity);
for (const lock of kept) use(lock, Infinity);
`;

/** `folder`: the machine's, where the record lies. */
export function recordingPod(place: Place, app: RecordingApp, folder: string): object {
  const { locks, kept = [], ttl = "1h", holdMs, onTerm = "ends" } = app;
  const { graceSeconds = 20, annotations = {}, preStop = false, inInit = false } = app;
  const plan = {
    ...{ file: `${folderInPod}/${recordFileOf(place)}`, locks, kept, ttl, holdMs },
    ...{ breath: `${folderInPod}/${breathFileOf(place)}`, ends: onTerm === "ends" },
  };
  const container = {
    ...{ name: inInit ? "migration" : "app", image: imageOf("node"), imagePullPolicy: "Never" },
    command: ["node", "--input-type=module", "--eval", script],
    env: [
      { name: "PLAN", value: JSON.stringify(plan) },
      { name: appVariable, value: place.pod },
    ],
    volumeMounts: [{ name: "seen", mountPath: folderInPod }],
    ...(preStop && { lifecycle: { preStop: { exec: { command: hangs } } } }),
  };
  return {
    ...{ apiVersion: "v1", kind: "Pod" },
    metadata: { name: place.pod, labels: { app: place.pod }, annotations },
    spec: {
      terminationGracePeriodSeconds: graceSeconds,
      enableServiceLinks: false,
      ...(inInit
        ? { initContainers: [container], containers: [{ ...idle, name: "app" }] }
        : { containers: [container] }),
      volumes: [{ name: "seen", hostPath: { path: folder, type: "Directory" } }],
    },
  };
}
