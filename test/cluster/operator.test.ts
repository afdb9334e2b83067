/** The operator as a process under its own role, with an API server, an etcd for data and sidecars that read it. */
import assert from "node:assert/strict";
import { EtcdGateway } from "#test/support/etcd-gateway.ts";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { operatorKubeconfig } from "#test/support/kube/operator-role.ts";
import { hold, release } from "#test/support/lock-calls.ts";
import { OperatorProcess } from "#test/support/operator-process.ts";
import { SidecarProcess } from "#test/support/sidecar-process.ts";
import type { LightCluster } from "#tools/cluster/light/light-cluster.ts";
import { until } from "#tools/cluster/until.ts";
import { startWithCrds } from "./crds-applied.ts";

describe("the operator", function () {
  this.timeout(180_000);
  let cluster: LightCluster;
  let etcd: EtcdServer;
  let operator: OperatorProcess;
  let sidecar: SidecarProcess;

  before(async () => {
    [cluster, etcd] = await Promise.all([startWithCrds(), EtcdServer.start({ noFsync: true })]);
    const kubeconfig = await operatorKubeconfig(cluster);
    operator = await OperatorProcess.start({ kubeconfig, etcd: etcd.endpoint });
    sidecar = await SidecarProcess.start({ etcd: etcd.endpoint, unready: true });
  });
  after(async () => {
    console.log(operator?.tail(60));
    await sidecar[Symbol.asyncDispose]();
    await operator[Symbol.asyncDispose]();
    await etcd[Symbol.asyncDispose]();
    await cluster.close();
  });

  it("publishes", async () => {
    await until("leads", async () => operator.has("leading"));
    const t = performance.now();
    await cluster.kubectl.run(["apply", "-f", "examples/orders.yaml"]);
    console.log("applied", performance.now() - t);
    await cluster.kubectl.run(["wait", "--for=condition=Ready", "hflock/orders", "--timeout=20s"]);
    console.log("ready", performance.now() - t);
    console.log(await cluster.kubectl.run(["get", "hflock", "orders", "-o", "yaml"]));
    console.log(await new EtcdGateway(etcd.endpoint).under("/holdfast/v1/spec/"));
    const held = await hold(sidecar, "orders/1");
    await release(sidecar, held);
    assert.equal(
      await operator.metric('leader_election_master_status{name="holdfast-operator"}'),
      1,
    );
  });
});
