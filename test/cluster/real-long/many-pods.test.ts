/** Fifty pods at once, each with a lock of its own: who asks for so much at a time is let in late, and nobody not at all. */
import assert from "node:assert/strict";
import { ports } from "#api/names.ts";
import { until } from "#tools/cluster/until.ts";
import { takesAndStays } from "../real/apps.ts";
import { Installation, system } from "../real/installation.ts";

const shop = "shop";
const count = 50;

interface Pod {
  readonly metadata: { readonly name: string; readonly creationTimestamp: string };
  readonly status: { readonly initContainerStatuses: readonly { readonly restartCount: number }[] };
}

/** A line of a sidecar's log. */
interface Line {
  readonly time: string;
  readonly message: string;
  readonly problem?: string;
  readonly sinceStartMs?: number;
}

describe("fifty pods at once", function () {
  this.timeout(600_000);
  let made: Installation;
  let pods: readonly Pod[];

  before(async () => {
    made = await Installation.prepare();
    await made.install();
    await made.openNamespace(shop);
  });
  // Absent where it could not be started, which has been told then.
  after(() => made?.close());
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await made.tell();
  });

  it("all take their locks", async () => {
    const askedAt = Date.now();
    await made.apply(shop, takesAndStays("many", count));
    const enough = `--for=jsonpath={.status.readyReplicas}=${count}`;
    const wait = ["wait", "deployment/many", "-n", shop, enough, "--timeout=60s"];
    await until("all to be ready", () => made.kubectl(...wait), { withinMs: 480_000 });
    const grants = await until("all to have written their grant", grantsOf);
    assert.equal(new Set(grants.map(({ lock }) => lock)).size, count);
    ({ items: pods } = JSON.parse(
      await made.kubectl("get", "pods", "-l", "app=many", "-n", shop, "-o", "json"),
    ) as { items: readonly Pod[] });
    const createdAt = new Map(
      pods.map(({ metadata }) => [metadata.name, Date.parse(metadata.creationTimestamp)]),
    );
    const at = grants.map(({ acquiredAt }) => Date.parse(acquiredAt));
    tell(
      "from the Deployment to a lock",
      at.map((ms) => ms - askedAt),
    );
    tell(
      "from a pod (whole seconds) to its lock",
      grants.map(
        ({ lock, acquiredAt }) =>
          Date.parse(acquiredAt) - (createdAt.get(lock.replace("orders/", "")) ?? Number.NaN),
      ),
    );
  });

  it("none had to be started twice for want of an identity", async () => {
    const restarts = pods.map(({ status }) => status.initContainerStatuses[0]?.restartCount);
    assert.deepEqual(restarts, Array(count).fill(0));
  });

  it("were given their identities in time, whatever they were told first", async () => {
    const given: number[] = [];
    const ready: number[] = [];
    const told = new Map<string, number>();
    for (const { metadata } of pods) {
      const log = await made.kubectl("logs", metadata.name, "-c", "holdfast", "-n", shop);
      const lines = log
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Line);
      const find = (message: string): Line => {
        const line = lines.find((each) => each.message === message);
        assert.ok(line, log);
        return line;
      };
      const end = find("ready");
      const { sinceStartMs = Number.NaN } = end;
      ready.push(sinceStartMs);
      const beganAt = Date.parse(end.time) - sinceStartMs;
      given.push(Date.parse(find("the identity was given").time) - beganAt);
      for (const { message, problem = "" } of lines)
        if (message === "the operator gives no identity yet") {
          const what = problem.replace(/Address \S+/, "Address …").slice(0, 120);
          told.set(what, (told.get(what) ?? 0) + 1);
        }
    }
    tell("from a sidecar's start to its identity", given);
    tell("from a sidecar's start to ready", ready);
    for (const [what, times] of told) console.log(`      told ${times} times: ${what}`);
    const exchanges = await exchangesOf();
    console.log(`      exchanges: ${JSON.stringify(Object.fromEntries(exchanges))}`);
    assert.ok((exchanges.get("issued") ?? 0) >= count);
    assert.equal(exchanges.get("internal") ?? 0, 0);
  });

  async function grantsOf(): Promise<readonly { lock: string; acquiredAt: string }[]> {
    const all = ["-l", "app=many", "-c", "app", "--tail=-1", `--max-log-requests=${count}`];
    const lines = (await made.kubectl("logs", ...all, "-n", shop)).split("\n");
    const grants = lines.filter((line) => line.startsWith("{"));
    assert.equal(grants.length, count, lines.join("\n"));
    return grants.map((line) => JSON.parse(line) as { lock: string; acquiredAt: string });
  }

  /** Of all operators, by outcome. */
  async function exchangesOf(): Promise<Map<string, number>> {
    const operators = ["-l", "app.kubernetes.io/component=operator", "-n", system];
    const path = "jsonpath={.items[*].status.podIP}";
    const addresses = (await made.kubectl("get", "pods", ...operators, "-o", path)).split(" ");
    const sums = new Map<string, number>();
    for (const address of addresses) {
      const text = await (await fetch(`http://${address}:${ports.health}/metrics`)).text();
      const series = text.matchAll(/^holdfast_identity_exchanges_total\{outcome="(\w+)"\} (\d+)/gm);
      for (const [, outcome = "", value] of series)
        sums.set(outcome, (sums.get(outcome) ?? 0) + Number(value));
    }
    return sums;
  }

  function tell(what: string, times: readonly number[]): void {
    const sorted = times.toSorted((one, other) => one - other);
    const at = (share: number): string => {
      const ms = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
      return `${((ms ?? Number.NaN) / 1_000).toFixed(1)} s`;
    };
    console.log(`      ${what}: first ${at(0)}, p50 ${at(0.5)}, last ${at(1)}`);
  }
});
