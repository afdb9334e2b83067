/** What becomes of the operator's view, credentials and writes under faults of the API server and of the way to it. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import process from "node:process";
import { EtcdGateway } from "#test/support/etcd-gateway.ts";
import {
  kubeconfigOfFiles,
  operatorNamespace,
  operatorToken,
  type KubeconfigFiles,
} from "#test/support/kube/operator-role.ts";
import type { OperatorProcess } from "#test/support/operator-process.ts";
import { TcpProxy } from "#test/support/tcp-proxy.ts";
import { until } from "#tools/cluster/until.ts";
import { OperatorStage } from "./operator-stage.ts";

const expired =
  'holdfast_kube_watches_total{resource="distributedlocks.holdfast.dev",end="expired"}';

describe("an operator under faults of the API server", function () {
  this.timeout(180_000);
  let stage: OperatorStage;
  let files: KubeconfigFiles;
  let operator: OperatorProcess;

  before(async () => {
    stage = await OperatorStage.start();
    await stage.kubectl("create", "secret", "generic", "first", "-n", operatorNamespace);
    files = await kubeconfigOfFiles(stage.cluster, {
      ...{ server: stage.cluster.url, called: "operator-faults" },
      token: await operatorToken(stage.cluster, "first"),
    });
    operator = await stage.operator({}, { kubeconfig: files.kubeconfig });
    await operator.said("leading");
    for (const name of ["orders", "gone"]) await stage.apply(name);
    for (const name of ["orders", "gone"]) await stage.ready(name);
  });
  after(async function () {
    if (this.currentTest?.state === "failed") console.log(operator.tail(40));
    await stage[Symbol.asyncDispose]();
  });

  const behind = async ({ port }: TcpProxy): Promise<string> => {
    const server = `https://127.0.0.1:${port}`;
    const token = await operatorToken(stage.cluster);
    return (await kubeconfigOfFiles(stage.cluster, { server, called: `at-${port}`, token }))
      .kubeconfig;
  };

  it("reads all anew where the history that it missed is compacted, and has missed nothing", async () => {
    await using proxy = await TcpProxy.before(stage.cluster.url);
    await operator.terminate();
    operator = await stage.operator({}, { kubeconfig: await behind(proxy) });
    await operator.said("leading");
    await proxy.refuse();
    proxy.reset();
    await stage.apply("orders", { ttl: "7s" });
    await stage.apply("made");
    await stage.kubectl("delete", "hflock", "gone");
    await new EtcdGateway(stage.cluster.etcdUrl).compact();
    // Else its own memory of what has happened would serve.
    await stage.cluster.component("kube-apiserver").restart();
    await stage.cluster.ready();
    assert.equal((await operator.metric(expired)) ?? 0, 0);
    await proxy.heal();
    await stage.collected("gone");
    await stage.ready("orders");
    await stage.ready("made");
    assert.match((await stage.record("orders"))?.value ?? "", /"ttl":"7s"/);
    assert.ok(((await operator.metric(expired)) ?? 0) > 0, "the watch was refused as too old");
    await operator.terminate();
    operator = await stage.operator({}, { kubeconfig: files.kubeconfig });
    await operator.said("leading");
  });

  it("goes on with the next token where the one that it has is revoked", async () => {
    await stage.kubectl("create", "secret", "generic", "second", "-n", operatorNamespace);
    const token = await operatorToken(stage.cluster, "second");
    await stage.kubectl("delete", "secret", "first", "-n", operatorNamespace);
    await until("a refusal", async () => {
      const { text } = await operator.health.get("/metrics");
      return /^rest_client_requests_total\{code="401"/m.test(text);
    });
    await writeFile(files.token, token);
    await stage.apply("orders", { ttl: "8s" });
    await stage.ready("orders");
    assert.match((await stage.record("orders"))?.value ?? "", /"ttl":"8s"/);
  });

  it("trusts the API server's next authority when its file says so, and not before", async () => {
    const authority = await stage.cluster.pki.rotate();
    const { mark } = operator;
    await stage.cluster.component("kube-apiserver").restart();
    await stage.cluster.ready();
    const distrusts = ({ problem }: Record<string, unknown>): boolean =>
      /certificate/.test(String(problem));
    await operator.saidWhen("a certificate that it does not trust", mark, distrusts);
    await stage.apply("orders", { ttl: "9s" });
    assert.match((await stage.record("orders"))?.value ?? "", /"ttl":"8s"/);
    assert.doesNotMatch(await readFile(files.ca, "utf8"), new RegExp(authority.slice(40, 80)));
    await writeFile(files.ca, authority);
    await stage.ready("orders");
    assert.match((await stage.record("orders"))?.value ?? "", /"ttl":"9s"/);
  });

  it("leads no more while the API server stands still, and goes on when that does", async () => {
    const { mark } = operator;
    const pid = stage.cluster.component("kube-apiserver").pid ?? 0;
    process.kill(pid, "SIGSTOP");
    try {
      await operator.said("this process leads no more", mark);
      assert.equal((await operator.health.get("/livez")).status, 200);
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await stage.apply("orders", { ttl: "10s" });
    await stage.ready("orders");
    assert.match((await stage.record("orders"))?.value ?? "", /"ttl":"10s"/);
    assert.ok(!operator.isOver);
  });
});
