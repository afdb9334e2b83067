/**
 * The controller of Backends in a process of its own, as in the operator: its connections come and go, and are nobody's
 * leak. Run by backend.test.ts, to which it tells how often it has looked; it ends with it.
 */
import process from "node:process";
import { setInterval } from "node:timers";
import { BackendController } from "#operator/controllers/backend/controller.ts";
import { publishedKinds } from "#operator/controllers/published/kinds.ts";
import { Collection } from "#operator/kube/collection.ts";
import { Cluster, configOfFile } from "#operator/kube/cluster.ts";
import { Recorder } from "#operator/kube/events.ts";
import { Transport } from "#operator/kube/transport.ts";
import { testRuntime } from "../support/etcd-users.ts";
import { Scrape } from "../support/kube/stage.ts";

const [kubeconfig = "", operatorNamespace = "", endpoint = ""] = process.argv.slice(2);
const scrape = new Scrape();
const api = new Transport({
  cluster: new Cluster(configOfFile(kubeconfig), testRuntime),
  runtime: testRuntime,
  metrics: scrape.kube,
});
const common = {
  ...{ api, runtime: testRuntime, metrics: scrape.kube },
  onFailure: (name: string, error: unknown): void => {
    throw new Error(`${name} failed`, { cause: error });
  },
};
const recorder = Recorder.start({
  ...common,
  ...{ controller: "holdfast.dev/operator", instance: "test" },
});
const data = publishedKinds.map(({ resource }) =>
  Collection.start({ ...common, selections: [{ resource }] }),
);
const controller = BackendController.start({
  ...common,
  ...{ operatorNamespace, namespaces: undefined, data },
  managed: {
    installation: { name: "holdfast", namespace: operatorNamespace },
    facts: () => undefined,
  },
  defaultSpec: { type: "etcd", external: { endpoints: [endpoint] } },
  recorder,
  tree: () => ({ kind: "reachable" }),
  mayAct: () => true,
  lookEveryMs: 300,
});

const looks = 'controller_runtime_reconcile_total{controller="backend",result="requeue_after"}';
const telling = setInterval(() => process.send?.(scrape.value(looks) ?? 0), 100);

process.once("disconnect", () => {
  clearInterval(telling);
  // What is left open now keeps the process, and the test that waits for its end fails.
  void controller
    .close()
    .then(() => recorder.close())
    .then(() => Promise.all(data.map((collection) => collection.close())))
    .then(() => api.close());
});
