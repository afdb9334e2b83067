/**
 * The operator's bundle, as images ship it, with 2,000 resources: its memory, how often it writes statuses, and that what a
 * user edits does not wait for what only a restart brings. Times are printed; what is asserted is order.
 */
import assert from "node:assert/strict";
import { memoryOf } from "#bench/machine.ts";
import { statusRate } from "#operator/status/status-writer.ts";
import { AdminApi } from "#test/support/kube/admin-api.ts";
import type { OperatorProcess } from "#test/support/operator-process.ts";
import { bundle } from "#tools/bundle/bundle.ts";
import { until } from "#tools/cluster/until.ts";
import { OperatorStage } from "./operator-stage.ts";

const resources = 2_000;
const namespaces = ["red", "green", "blue", "black", "white"];
const memoryMaxMb = 150;
/**
 * The other workers publish on while one asks for what was edited, however long the API server takes for that. By its place in
 * the list it would come as about number 800.
 */
const overtakersMax = 200;

const names = Array.from({ length: resources }, (_, at) => ({
  namespace: namespaces[at % namespaces.length] ?? "",
  name: `pool-${String(at).padStart(4, "0")}`,
}));
const specsOf = (namespace: string): string => `/holdfast/v1/spec/${namespace}/`;

describe("an operator of 2,000 resources", function () {
  this.timeout(240_000);
  let stage: OperatorStage;
  let operator: OperatorProcess;
  let launcher: string;

  before(async () => {
    const bundled = bundle("operator");
    stage = await OperatorStage.start();
    ({ launcher } = await bundled);
    operator = await stage.operator({}, { program: launcher });
    await operator.said("leading");
  });
  after(async function () {
    if (this.currentTest?.state === "failed") console.log(operator.tail(60));
    await stage[Symbol.asyncDispose]();
  });

  const published = (after = 0): unknown[] =>
    operator.lines
      .slice(after)
      .filter(({ message }) => message === "published")
      .map(({ name }) => name);

  const small = (when: string): void => {
    const { rssMib, ownMib, peakMib } = memoryOf(operator.pid);
    const [mb, peakMb] = [rssMib, peakMib].map((mib) => (mib * 1.048576).toFixed(1));
    console.log(`      ${when}: ${mb} MB resident, ${peakMb} at most, ${ownMib} MiB its own`);
    assert.ok(Number(peakMb) <= memoryMaxMb, `${peakMb} MB`);
  };

  it("takes at most 150 MB with nothing to do", () => {
    small("nothing to do");
  });

  it("publishes them all, and takes at most 150 MB; statuses are written 20 a second", async () => {
    await using admin = new AdminApi(stage.cluster);
    for (const namespace of namespaces) await stage.kubectl("create", "namespace", namespace);
    const beganAt = performance.now();
    const before = await admin.statusWrites();
    // The first ones get their statuses before the others wait for theirs.
    const first = names.slice(0, namespaces.length);
    await admin.createLocks(first);
    for (const { namespace, name } of first)
      await until(`${name} to be Ready`, async () => {
        const { status } = await stage.lock(name, namespace);
        return status?.conditions?.some(
          ({ type, status: is }) => type === "Ready" && is === "True",
        );
      });
    await admin.createLocks(names);
    await until("all records", async () => published().length >= resources);
    const seconds = (performance.now() - beganAt) / 1_000;
    for (const namespace of namespaces)
      assert.equal(
        (await stage.raw.under(specsOf(namespace))).length,
        resources / namespaces.length,
      );
    const written = (await admin.statusWrites()) - before;
    const lastedS = (performance.now() - beganAt) / 1_000;
    console.log(`      made and published in ${seconds.toFixed(1)} s, ${written} statuses written`);
    assert.ok(written > 0);
    assert.ok(written <= statusRate.burst + statusRate.perSecond * lastedS, `in ${lastedS} s`);
    small(`${resources} resources`);
  });

  it("looks at the Backend for each namespace, not for each resource", async () => {
    const series =
      'controller_runtime_reconcile_total{controller="backend",result="requeue_after"}';
    const looks = await operator.metric(series);
    console.log(`      ${looks} looks`);
    // In all the time that a test may take there is room for 24 that are due every ten seconds.
    assert.ok(looks !== undefined && looks <= 100);
  });

  it("publishes at its start what was edited meanwhile, and then at once what is edited, before all that only waits", async () => {
    await using admin = new AdminApi(stage.cluster);
    const meanwhile = names[1];
    // The last one of the backlog; it had no status before, so that only the watch tells that it was edited.
    const live = names.at(-1);
    assert.ok(meanwhile !== undefined && live !== undefined);
    assert.equal((await operator.terminate()).code, 0);
    // All are to be published again: a backlog, in which each is first asked for at the API server.
    for (const namespace of namespaces) await stage.raw.deleteUnder(specsOf(namespace));
    await admin.edit(meanwhile, { ttl: "7s" });
    operator = await stage.operator({}, { program: launcher });
    const { name } = meanwhile;
    await operator.saidWhen(
      "the edit",
      0,
      (line) => line.message === "published" && line["name"] === name,
    );
    const at = published().indexOf(name);
    console.log(`      an edit of meanwhile was published as number ${at + 1} of ${resources}`);
    assert.ok(at < overtakersMax, `it was published as number ${at + 1}`);
    await until("the backlog to be under way", async () => published().length > at + 1);

    const editedAt = performance.now();
    await admin.edit(live, { ttl: "8s" });
    const { mark } = operator;
    const isLive = ({ message, name, generation }: Record<string, unknown>): boolean =>
      message === "published" && name === live.name && generation === 2;
    await operator.saidWhen("the live edit", 0, isLive);
    const tookMs = Math.round(performance.now() - editedAt);
    const line = operator.lines.findIndex(isLive);
    const done = published().length - published(line).length;
    console.log(
      `      an edit was published ${tookMs} ms after it was sent, as number ${done} of ${resources}; ` +
        `${published(mark).length - published(line).length} others came in between`,
    );
    await until("the backlog's end", async () => published().length >= resources);
    assert.ok(published(line + 1).length > 0, "the backlog waited for the edit, and not the edit");
    const record = await stage.record(live.name, live.namespace);
    assert.match(record?.value ?? "", /"ttl":"8s"/);
    small("after a restart");
  });

  it("was forbidden nothing", async () => {
    assert.deepEqual(await stage.forbidden(), []);
  });
});
