/**
 * A leader that stands still between its check and its write. What it had sent is held on the way, as a network may do; another
 * one leads and publishes what is newer; then what was held goes on. Nothing older may replace anything newer, in etcd and in
 * the status.
 */
import assert from "node:assert/strict";
import { kubeconfigOfFiles, operatorToken } from "#test/support/kube/operator-role.ts";
import type { OperatorProcess } from "#test/support/operator-process.ts";
import { TcpProxy } from "#test/support/tcp-proxy.ts";
import { AdminApi } from "#test/support/kube/admin-api.ts";
import { until } from "#tools/cluster/until.ts";
import { OperatorStage } from "./operator-stage.ts";

const working = 'controller_runtime_active_workers{controller="distributedlocks.holdfast.dev"}';

describe("a leader that was deposed while its writes were under way", function () {
  this.timeout(180_000);
  let stage: OperatorStage;

  before(async () => {
    stage = await OperatorStage.start();
  });
  after(() => stage?.[Symbol.asyncDispose]());

  const behind = async (proxy: TcpProxy): Promise<string> => {
    const server = `https://127.0.0.1:${proxy.port}`;
    const token = await operatorToken(stage.cluster);
    const place = { server, called: "deposed", token };
    return (await kubeconfigOfFiles(stage.cluster, place)).kubeconfig;
  };
  const refusedStatuses = async (): Promise<number> => {
    await using admin = new AdminApi(stage.cluster);
    return await admin.statusWrites("409");
  };
  const followed = async (name: string, generation: number, of: OperatorProcess): Promise<void> => {
    await stage.ready(name);
    assert.equal((await stage.lock(name)).status?.observedGeneration, generation);
    assert.ok(!of.isOver);
  };

  it("replaces nothing, neither in etcd nor in a status", async () => {
    await using toEtcd = await TcpProxy.before(stage.etcd.endpoint);
    await using toApi = await TcpProxy.before(stage.cluster.url);
    const old = await stage.operator(
      {},
      { kubeconfig: await behind(toApi), etcd: toEtcd.endpoint },
    );
    await old.said("leading");
    const others = [await stage.operator(), await stage.operator()];
    await using stack = new AsyncDisposableStack();
    for (const each of [old, ...others]) stack.use(each);
    for (const name of ["published", "reported"]) {
      await stage.apply(name);
      await followed(name, 1, old);
    }

    // Its watches go on telling; what it sends to the API server waits: the status of what it publishes.
    toApi.hold("requests");
    await stage.apply("reported", { ttl: "5s" });
    await until("the record", async () =>
      (await stage.record("reported"))?.value.includes('"ttl":"5s"'),
    );
    // And what it sends to etcd waits: a publish.
    toEtcd.hold("requests");
    await stage.apply("published", { ttl: "5s" });
    await until("a publish under way", async () => (await old.metric(working)) === 1);
    await old.pause();
    // The Backend was made by the old one, and names its way; the others have one of their own.
    await stage.backend.put({ external: { endpoints: [stage.etcd.endpoint] } });

    try {
      const next = await until("another to lead", async () =>
        others.find((other) => other.has("leading")),
      );
      for (const name of ["published", "reported"]) {
        await stage.apply(name, { ttl: "9s" });
        await followed(name, 3, next);
      }
      const before = [await stage.lock("published"), await stage.lock("reported")];
      const record = await stage.record("published");
      const refused = await refusedStatuses();

      const answered = toEtcd.arrival("answers");
      await Promise.all([toEtcd.heal(), toApi.heal()]);
      await answered;
      await until("the held status to be refused", async () => (await refusedStatuses()) > refused);
      const { mark } = old;
      old.resume();
      await old.said("this process leads no more", mark);
      assert.deepEqual(await stage.record("published"), record);
      assert.deepEqual([await stage.lock("published"), await stage.lock("reported")], before);
      assert.match(record?.value ?? "", /"ttl":"9s"/);
    } finally {
      old.resume();
    }
  });
});
