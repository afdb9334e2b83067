/**
 * A scenario: commands, and below each what came of it. It teaches the protocol and holds it fast. Lines that start with `#`
 * are prose, those with `> ` are commands; all else is the trace, written by the runner.
 *
 *   > pods a b                                   the cluster; `> pool {…}` before it says what the pool is like
 *   > a acquire 42 wait=5s ttl=10s as=worker     somebody asks (mode=shared, permits=2, owner=o); goes on at once
 *   > a acquire 1 and=2,3                        the same for several locks at once
 *   > a look|renew|release|leave worker [ttl=]   the same caller
 *   > pass 3s                                    time
 *   > cut|heal|pause|resume|kill|start a         what happens to a pod
 *
 * In the trace a session is its pod's name, with a number from its second one on; a place is `{session}-{seat}`; a fence is
 * told as the revision and the hand-overs that it is made of.
 */
import { parseDurationMs, formatDuration } from "#api/fields/duration.ts";
import type { Change } from "#core/store.ts";
import { readInstallation } from "#core/spec/records.ts";
import { installationKey } from "#core/spec/keys.ts";
import type { Acquired, AcquireRequest, GrantView } from "#core/lock/views.ts";
import type { Weather } from "#test/support/etcd-model/weather.ts";
import { calm } from "#test/support/etcd-model/weather.ts";
import type { Pod } from "./pod.ts";
import { asSet } from "./client.ts";
import { forOneself, type Answer, type Asked, type Process } from "./process.ts";
import { specOf, type Schedule } from "./schedule.ts";
import { Stage } from "./stage.ts";

/** Every way takes a millisecond, so that times can be read. */
const even: Weather = {
  ...calm,
  requestMs: { min: 1, max: 1 },
  answerMs: { min: 1, max: 1 },
  eventMs: { min: 1, max: 1 },
};
const quiet: Partial<Schedule> = {
  pools: ["orders"],
  names: ["42"],
  sessionTtlMs: 10_000,
  weather: even,
  faults: [],
  skewed: false,
};
const readyMs = 2_000;
/** What follows from a command by itself. */
const afterMs = 20;

/** The scenario's text with its trace as it is now. */
export async function play(text: string): Promise<string> {
  const written: string[] = [];
  const scenario = new Scenario();
  for (const line of text.trimEnd().split("\n")) {
    if (line === "" || line.startsWith("#")) written.push(line);
    if (!line.startsWith("> ")) continue;
    written.push(line, ...(await scenario.run(line.slice(2))));
  }
  scenario.end();
  return `${written.join("\n")}\n`;
}

class Scenario {
  #stage: Stage | undefined;
  #spec: object = { mode: "Mutex" };
  #trace: string[] = [];
  #startedMs = 0;
  #commits = 0;
  #lines = 0;
  readonly #asked = new Map<string, Asked<Acquired>>();
  readonly #grants = new Map<string, string>();
  readonly #sessions = new Map<string, string>();

  async run(command: string): Promise<string[]> {
    this.#trace = [];
    const words = command.split(/\s+/);
    const [first = "", second = ""] = words;
    if (first === "pool") this.#spec = JSON.parse(command.slice("pool ".length)) as object;
    else if (first === "pods") await this.#start(words.slice(1));
    else if (first === "pass") await this.stage.world.pass(parseDurationMs(second));
    else if (this.#pod(first) !== undefined) this.#ask(first, words.slice(1));
    else this.#happen(first, this.#pod(second));
    if (first === "pool") return [];
    await this.stage.world.pass(afterMs);
    return this.#told();
  }

  end(): void {
    for (const process of this.#stage?.processes ?? []) process.kill();
  }

  get stage(): Stage {
    if (this.#stage === undefined) throw new Error("a scenario begins with: > pods a b");
    return this.#stage;
  }

  async #start(names: readonly string[]): Promise<void> {
    const spec = specOf(this.#spec);
    const stage = new Stage("scenario", { ...quiet, mode: spec.mode, pods: names.length });
    this.#stage = stage;
    stage.edit(stage.world.chance, () => [stage.documentOf("orders", spec)]);
    await stage.world.pass(readyMs);
    this.#startedMs = stage.world.nowMs;
    this.#commits = stage.record.commits.length;
    this.#lines = stage.world.journal.lines().length;
    for (const { changes } of stage.record.commits)
      for (const change of changes) this.#learn(change);
  }

  #pod(name: string): Pod | undefined {
    return this.#stage?.pods.find((pod) => pod.name === `pod-${name}`);
  }

  #process(name: string): Process {
    const process = this.#pod(name)?.process;
    if (process === undefined) throw new Error(`pod ${name} is down`);
    return process;
  }

  #ask(pod: string, [what = "", about = "", ...rest]: readonly string[]): void {
    const process = this.#process(pod);
    const options = new Map(rest.map((word) => word.split("=", 2) as [string, string]));
    const ttl = options.get("ttl");
    const ttlMs = ttl === undefined ? undefined : parseDurationMs(ttl);
    const grantId = this.#grants.get(about) ?? "unknown";
    const hear = (answer: Promise<Answer<unknown>>) => {
      void answer.then((heard) => this.#say(`${about} hears: ${this.#show(about, heard)}`));
    };
    switch (what) {
      case "acquire": {
        const as = options.get("as") ?? "somebody";
        const waitMs = parseDurationMs(options.get("wait") ?? "0s");
        const request: AcquireRequest = {
          pool: "orders",
          name: about,
          mode: options.get("mode") === "shared" ? "shared" : "exclusive",
          permits: Number(options.get("permits") ?? 1),
          hold: "ttl",
          ...{ waitMs, ttlMs, holder: as, owner: options.get("owner") },
        };
        const more = options.get("and")?.split(",") ?? [];
        const locks = [about, ...more].map((name) => ({ ...forOneself, pool: "orders", name }));
        const asked = process.acquire(more.length === 0 ? request : asSet(request, locks));
        this.#asked.set(as, asked);
        void asked.answer.then((heard) => this.#say(`${as} hears: ${this.#show(as, heard)}`));
        break;
      }
      case "look":
        hear(process.look(grantId));
        break;
      case "renew":
        hear(process.renew(grantId, ttlMs));
        break;
      case "release":
        hear(process.release(grantId));
        break;
      case "leave":
        this.#asked.get(about)?.leave();
        break;
      default:
        throw new Error(`nobody knows how to ${what}`);
    }
  }

  #happen(what: string, pod: Pod | undefined): void {
    const process = pod?.process;
    if (pod !== undefined && what === "start") pod.start();
    else if (process === undefined) throw new Error(`${what} happens to no pod`);
    else if (what === "kill") process.kill();
    else if (what === "pause") process.stop("pause");
    else if (what === "resume") process.resume();
    else if (what === "cut") process.link.cut("both");
    else if (what === "heal") process.link.heal();
    else throw new Error(`nobody knows how to ${what}`);
  }

  #show(who: string, answer: Answer<unknown>): string {
    switch (answer.kind) {
      case "refused": {
        const why = answer.facts["why"];
        return typeof why === "string" ? `${answer.code} (${why})` : answer.code;
      }
      case "cut":
        return "nothing more";
      case "answered": {
        const { value } = answer;
        if (typeof value === "string") return value;
        const { kind, grant } = value as Partial<Acquired & { kind: "granted" }>;
        if (kind !== undefined && grant === undefined) return kind;
        const view = grant ?? (value as GrantView);
        if (grant !== undefined) this.#grants.set(who, grant.grantId);
        return `${grant === undefined ? "holds" : "granted"}, fence ${this.#fence(view)}, guaranteed for ${formatDuration(view.guaranteedForMs)}`;
      }
      default:
        return answer satisfies never;
    }
  }

  /** The revision of the place and its hand-overs; of one that stands beside others, who joined whom on it. */
  #fence({ fence }: GrantView): string {
    const kv = this.stage.server.keys.get(installationKey);
    const base = readInstallation(kv)?.base ?? 0n;
    const [made, low] = [(BigInt(fence) >> 16n) - base, BigInt(fence) & 0xffffn];
    if (low >> 8n !== (base & 0xffn)) return `${String(made)}.${String(low)}`;
    const joined = low & 0xffn;
    return joined === 0n ? String(made) : `${String(made)}+${String(joined)}`;
  }

  #say(what: string): void {
    this.#trace.push(this.#line(this.stage.world.nowMs, what));
  }

  #line(atMs: number, what: string): string {
    return `  ${String(Math.round(atMs - this.#startedMs)).padStart(6)} ms  ${what}`;
  }

  /** What was heard, committed and logged since the last command, in order. */
  #told(): string[] {
    const { record, world } = this.stage;
    const commits = record.commits.slice(this.#commits);
    const logged = world.journal.lines().slice(this.#lines);
    this.#commits = record.commits.length;
    this.#lines = world.journal.lines().length;
    const lines = [
      ...commits.map(({ atMs, changes }) =>
        this.#line(atMs, `etcd ${changes.map((change) => this.#learn(change)).join(", ")}`),
      ),
      ...logged
        .filter(({ level }) => level === "warn" || level === "error")
        .map(({ atMs, process, message }) =>
          this.#line(atMs, `${process.slice("pod-".length, -2)} logs: ${message}`),
        ),
      ...this.#trace,
    ];
    return lines.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  }

  #learn(change: Change): string {
    const key = change.kind === "put" ? change.now.key : change.key;
    const session = /\/sessions\/([0-9a-f]+)$/.exec(key)?.[1];
    if (session !== undefined && change.kind === "put" && !this.#sessions.has(session)) {
      const pod = /"pod":"pod-(\w+)"/.exec(new TextDecoder().decode(change.now.value))?.[1] ?? "";
      const lives = [...this.#sessions.values()].filter((name) => name.startsWith(pod)).length;
      this.#sessions.set(session, lives === 0 ? pod : `${pod}${String(lives + 1)}`);
    }
    let short = key.replace("/holdfast/v1/", "").replace("data/default/", "");
    for (const [id, name] of this.#sessions) short = short.replaceAll(id, name);
    const about = short.replace(/-0+(\d+)$/, "-$1");
    if (change.kind === "delete") return `${String(change.revision)} delete ${about}`;
    const { createRevision, modRevision } = change.now;
    return `${String(modRevision)} ${createRevision === modRevision ? "put" : "rewrite"} ${about}`;
  }
}
