/** The kubelet asks a sidecar to end also when the pod's time is over and its app still runs: nobody else has the lock before it is dead. */
import assert from "node:assert/strict";
import { imageOf } from "#tools/cluster/real/site.ts";
import { Installation } from "./installation.ts";

const shop = "shop";

/** Says every few milliseconds that it lives, and does not end when it is asked to. */
const stays = `const say = (word, more = "") => console.log(word, Date.now(), more);
process.on("SIGTERM", () => say("asked to end"));
say("asking");
const answer = await fetch("http://localhost:4653/v1/locks/orders/" + process.argv.at(-1) + "/acquire?wait=2m", { method: "POST" });
say(answer.ok ? "granted" : "failed", await answer.text());
for (;;) { say("alive"); await new Promise((done) => setTimeout(done, 10)); }`;
const preStop = { exec: { command: ["node", "--eval", "setTimeout(() => {}, 60_000)"] } };

interface Wanted {
  readonly lock: string;
  readonly graceSeconds: number;
  readonly lifecycle?: object;
}

function pod(name: string, { lock, graceSeconds, lifecycle = {} }: Wanted): object {
  const node = { image: imageOf("node"), imagePullPolicy: "Never" };
  const command = ["node", "--input-type=module", "--eval", stays];
  return {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { name } },
    spec: {
      terminationGracePeriodSeconds: graceSeconds,
      containers: [{ name: "app", ...node, command, args: [lock], lifecycle }],
    },
  };
}

describe("a pod whose time is over before its app has ended", function () {
  this.timeout(400_000);
  let made: Installation;

  before(async () => {
    made = await Installation.prepare();
    await made.install();
    await made.openNamespace(shop);
  });
  after(() => made?.close());
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await made.tell();
  });

  const inShop = (...args: readonly string[]) => made.kubectl(...args, "-n", shop);

  /** By how much the next one was granted the lock after the last sign of life of the one that was deleted. */
  async function marginMs(name: string, wanted: Wanted, ...how: string[]): Promise<number> {
    const next = `${name}-next`;
    await made.apply(shop, pod(name, wanted));
    await made.wroteAt({ namespace: shop, pod: name }, "granted");
    await made.apply(shop, pod(next, { lock: wanted.lock, graceSeconds: 1 }));
    await made.wroteAt({ namespace: shop, pod: next }, "asking");
    const [log] = await Promise.all([
      inShop("logs", name, "-c", "app", "--follow"),
      inShop("delete", "pod", name, "--wait=false", ...how),
    ]);
    const last = log.trimEnd().split("\n").at(-1) ?? "";
    assert.match(last, /^alive \d+/);
    const grantedAt = await made.wroteAt({ namespace: shop, pod: next }, "granted");
    await inShop("delete", "pod", next, "--wait=false");
    return grantedAt - Number(last.split(" ")[1]);
  }

  for (const [what, wanted, ...how] of [
    ["has a grace period of a second", { lock: "short", graceSeconds: 1 }],
    ["is deleted with one of a second", { lock: "by", graceSeconds: 30 }, "--grace-period=1"],
    ["spends it in a preStop", { lock: "hook", graceSeconds: 3, lifecycle: { preStop } }],
    ["ignores SIGTERM", { lock: "deaf", graceSeconds: 3 }],
  ] as const satisfies readonly (readonly [string, Wanted, ...string[]])[])
    it(`keeps its lock until that is dead: it ${what}`, async () => {
      const margin = await marginMs(`app-${wanted.lock}`, wanted, ...how);
      assert.ok(margin > 0, `two held the lock for ${-margin} ms`);
    });
});
