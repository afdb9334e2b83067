/** Apps that know of Holdfast only `http://localhost:4653`. What they write begins with a word and the time of its writing. */
import { imageOf } from "#tools/cluster/real/site.ts";

export interface App {
  /** In the pool `orders`. */
  readonly lock: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

const say = `const say = (word, more = "") => console.log(word, Date.now(), more);
const api = "http://localhost:4653/v1";
const post = async (path) => {
  const answer = await fetch(api + path, { method: "POST" });
  return { ok: answer.ok, body: await answer.json() };
};`;

/** Holds the lock until it is asked to end, which takes it a second; takes it again when it is lost. */
const holds = `${say}
process.once("SIGTERM", () => setTimeout(() => { say("ending"); process.exit(0); }, 1_000));
for (let word = "granted"; ; word = "regranted") {
  say("asking");
  let grant;
  for (;;) {
    const { ok, body } = await post("/locks/orders/" + process.argv.at(-1) + "/acquire?wait=1m").catch(
      (error) => ({ ok: false, body: { code: String(error.cause ?? error) } }));
    if (ok) { grant = body; break; }
    if (body.code !== "lock_held") { say("failed", JSON.stringify(body)); await new Promise((done) => setTimeout(done, 300)); }
  }
  say(word, grant.fence);
  for (;;) {
    await new Promise((done) => setTimeout(done, 300));
    const { ok, body } = await post("/grants/" + grant.grantId + "/renew").catch(() => ({ ok: false, body: { code: "unreached" } }));
    if (ok || body.code === "unreached") continue;
    say("lost", body.code);
    break;
  }
}`;

const takesOnce = `${say}
const { ok, body } = await post("/locks/orders/nightly/acquire?wait=10s");
say(ok ? "granted" : "failed", JSON.stringify(body));
const given = await fetch(api + "/grants/" + body.grantId, { method: "DELETE" });
process.exit(given.ok ? 0 : 1);`;

const container = (script: string, ...args: readonly string[]): object => ({
  ...{ name: "app", image: imageOf("node"), imagePullPolicy: "Never" },
  command: ["node", "--input-type=module", "--eval", script],
  ...(args.length > 0 && { args }),
});

export function appPod(name: string, { lock, labels = {}, annotations = {} }: App): object {
  return {
    ...{ apiVersion: "v1", kind: "Pod" },
    metadata: { name, labels: { app: name, ...labels }, annotations },
    spec: { terminationGracePeriodSeconds: 20, containers: [container(holds, lock)] },
  };
}

export function jobWithLock(name: string): object {
  const template = { spec: { restartPolicy: "Never", containers: [container(takesOnce)] } };
  return {
    ...{ apiVersion: "batch/v1", kind: "Job", metadata: { name } },
    spec: { backoffLimit: 0, template },
  };
}

/** By busybox, which starts fast: for many at once, or one after another. The lock is called as its pod. */
const asksOnce =
  'wget -q -O - --header "Content-Type: application/json" --post-data "" "http://localhost:4653/v1/locks/orders/$HOSTNAME/acquire?wait=50s"';

/** One pod after another, each of which takes a lock, and leaves the giving back to its sidecar. */
export function takesAndEnds(name: string, completions: number): object {
  const app = {
    ...{ name: "app", image: imageOf("busybox"), imagePullPolicy: "Never" },
    command: ["sh", "-c", asksOnce],
  };
  return {
    ...{ apiVersion: "batch/v1", kind: "Job", metadata: { name } },
    spec: {
      ...{ completions, parallelism: 1, backoffLimit: 0 },
      template: { spec: { restartPolicy: "Never", containers: [app] } },
    },
  };
}

/** One replica that holds the lock, and that a rollout starts anew. */
export function holdingDeployment(name: string, lock: string): object {
  const labels = { app: name };
  return {
    ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name } },
    spec: {
      ...{ replicas: 1, selector: { matchLabels: labels } },
      template: {
        metadata: { labels },
        spec: { terminationGracePeriodSeconds: 20, containers: [container(holds, lock)] },
      },
    },
  };
}

/** As many as are wanted at once: each writes its grant, and stays. The lock's time to live is the pool's. */
export function takesAndStays(name: string, replicas: number): object {
  const labels = { app: name };
  const app = {
    ...{ name: "app", image: imageOf("busybox"), imagePullPolicy: "Never" },
    command: ["sh", "-c", `${asksOnce} && echo && exec sleep 86400`],
  };
  return {
    ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name } },
    spec: {
      ...{ replicas, selector: { matchLabels: labels } },
      template: {
        metadata: { labels },
        spec: { terminationGracePeriodSeconds: 5, containers: [app] },
      },
    },
  };
}
