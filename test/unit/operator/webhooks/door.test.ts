/** What the API server meets at the webhooks' port: by TLS, with the real door, reviewer and injection. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import type { Instant } from "#core/runtime.ts";
import { Metrics } from "#host/metrics.ts";
import { tlsVersionMin } from "#operator/identity/serving.ts";
import { issue, keyPem, makeAuthority } from "#operator/identity/x509/certificate.ts";
import type { Injector } from "#operator/injection/inject.ts";
import { startWebhookDoor } from "#operator/webhooks/door.ts";
import { webhookRequests } from "#operator/webhooks/metrics.ts";
import type { NamespaceRead } from "#operator/webhooks/namespaces.ts";
import { Reviewer } from "#operator/webhooks/reviewer.ts";
import { Clock } from "#test/support/clock.ts";
import { valueIn } from "#test/support/exposition.ts";
import { eventually } from "#test/support/poll.ts";
import { injector, namespace } from "../injection/support.ts";

const validity = { fromMs: Date.now() - 60_000, untilMs: Date.now() + 3_600_000 };
const authority = makeAuthority("test", validity);
const server = issue(authority, {
  ...{ subject: { name: "webhooks" }, uses: ["server"], hosts: ["127.0.0.1"], validity },
});

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** The door of one test, with what it told. */
class Stage implements AsyncDisposable {
  readonly counted: string[] = [];
  readonly events: string[] = [];
  /** One for each time that the namespace is read; the last one again and again. */
  labels: readonly Readonly<Record<string, string>>[] = [namespace.labels];
  injector: Injector = injector;
  problem: string | undefined;
  /** What else happens while the namespace is read. */
  meanwhile: (() => void | Promise<void>) | undefined;
  readonly clock = new Clock();
  readonly #metrics = new Metrics();
  #reads = 0;
  #door: Awaited<ReturnType<typeof startWebhookDoor>> | undefined;

  static async start(): Promise<Stage> {
    const stage = new Stage();
    const { clock: runtime } = stage;
    const reviewer = new Reviewer({
      runtime,
      namespaces: {
        // Kept from before the question, as far as the first one goes.
        read: async (name) => {
          await stage.meanwhile?.();
          return stage.#read(name, (runtime.now() - 1) as Instant);
        },
        readNow: (name) => Promise.resolve(stage.#read(name, runtime.now())),
      },
      recorder: { record: ({ reason }) => void stage.events.push(reason) },
      injector: () => stage.injector,
      counted: (outcome, reason) => ({
        add: () => void stage.counted.push(`${outcome} ${reason}`.trim()),
      }),
    });
    stage.#door = await startWebhookDoor({
      ...{ runtime, reviewer, option: { env: "HOLDFAST_WEBHOOK_ADDRESS" } },
      requests: webhookRequests(stage.#metrics, "/inject"),
      address: { kind: "host", host: "127.0.0.1", port: 0 },
      serving: {
        secure: (secured) => {
          const { certificate: cert, key } = server;
          secured.setSecureContext({ cert, key: keyPem(key), minVersion: tlsVersionMin });
          return { [Symbol.dispose]: () => undefined };
        },
      },
    });
    return stage;
  }

  #read(name: string, asked: Instant): NamespaceRead {
    if (this.problem !== undefined) return { kind: "unread", problem: this.problem };
    const labels = this.labels[Math.min(this.#reads++, this.labels.length - 1)] ?? {};
    return { kind: "read", facts: { ...namespace, name, labels }, asked };
  }

  metric(series: string): number | undefined {
    const text = this.#metrics.render((_family, error) => {
      throw error;
    });
    return valueIn(text, series);
  }

  ask(body: string | Buffer, how: { path?: string; method?: string; type?: string } = {}) {
    const [address = ""] = this.#door?.addresses ?? [];
    const { path = "/inject", method = "POST", type = "application/json" } = how;
    const { hostname, port } = new URL(`https://${address.replace(/^https?:\/\//, "")}`);
    return request({
      ...{ hostname, port, path, method, ca: authority.certificate, agent: false },
      headers: { "Content-Type": type, "Content-Length": Buffer.byteLength(body) },
    });
  }

  async send(body: string | Buffer, how: Parameters<Stage["ask"]>[1] = {}) {
    const asked = this.ask(body, how);
    asked.on("error", () => undefined); // what is too big is not read to its end
    const answered = once(asked, "response");
    asked.end(body);
    const [response] = (await answered) as [IncomingMessage];
    let text = "";
    for await (const part of response.setEncoding("utf8")) text += String(part);
    return { status: response.statusCode ?? 0, text } satisfies Answer;
  }

  async review(pod: object, more: object = {}): Promise<Record<string, unknown>> {
    const answer = await this.send(JSON.stringify(reviewOf(pod, more)));
    assert.equal(answer.status, 200, answer.text);
    const { response } = JSON.parse(answer.text) as { response: Record<string, unknown> };
    assert.equal(response["uid"], "question-1");
    return response;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#door?.close();
  }
}

function reviewOf(pod: object, more: object): object {
  return {
    ...{ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" },
    request: {
      ...{ uid: "question-1", namespace: "shop", operation: "CREATE", object: pod },
      resource: { group: "", version: "v1", resource: "pods" },
      ...more,
    },
  };
}

const podOf = (spec: object = {}, metadata: object = {}): object => ({
  metadata: { name: "app", ...metadata },
  spec: { containers: [{ name: "app", image: "app:1" }], ...spec },
});
const owned = {
  ownerReferences: [
    { apiVersion: "apps/v1", kind: "ReplicaSet", name: "app-1", uid: "u-1", controller: true },
  ],
};

describe("the webhooks' port", () => {
  it("answers with a patch, whose sidecar is first", async () => {
    await using stage = await Stage.start();
    const response = await stage.review(podOf());
    assert.equal(response["allowed"], true);
    const patch = Buffer.from(String(response["patch"]), "base64").toString();
    assert.match(patch, /"path":"\/spec\/initContainers/);
    assert.deepEqual(stage.counted, ["patched"]);
  });

  it("refuses with words for a person, and tells the owner once", async () => {
    await using stage = await Stage.start();
    const response = await stage.review(podOf({ hostNetwork: true }, owned));
    assert.equal(response["allowed"], false);
    const { code, message } = response["status"] as { code: number; message: string };
    assert.equal(code, 400);
    assert.match(message, /hostNetwork/);
    assert.equal(stage.events.length, 1);
  });

  it("leaves nothing of a dry run", async () => {
    await using stage = await Stage.start();
    await stage.review(podOf({ hostNetwork: true }, owned), { dryRun: true });
    await stage.review(podOf(), { dryRun: true });
    assert.deepEqual([stage.counted, stage.events], [[], []]);
  });

  it("says to try again where the namespace or the authority was not read", async () => {
    await using stage = await Stage.start();
    stage.problem = "the API server does not answer";
    const unread = await stage.review(podOf());
    assert.equal((unread["status"] as { code: number }).code, 503);
    stage.problem = undefined;
    stage.injector = { ...injector, trust: undefined };
    const early = await stage.review(podOf());
    assert.equal((early["status"] as { code: number }).code, 503);
    assert.deepEqual(stage.counted, ["refused NamespaceUnknown", "refused NoTrust"]);
  });

  it("is measured under controller-runtime's names: answers by status, and how long they took", async () => {
    await using stage = await Stage.start();
    const of = (name: string, labels: string) =>
      stage.metric(`${name}{webhook="/inject"${labels}}`);
    const latency = "controller_runtime_webhook_latency_seconds_bucket";
    const seconds = "controller_runtime_webhook_latency_seconds_sum";
    const requests = "controller_runtime_webhook_requests_total";
    const running = "controller_runtime_webhook_requests_in_flight";
    let inFlight: number | undefined;
    stage.meanwhile = () => {
      inFlight = of(running, "");
      stage.clock.pass(2_000);
    };
    await stage.review(podOf());
    assert.equal(inFlight, 1);
    await stage.send("{", { method: "PUT" });
    await stage.send("{", { path: "/other" });
    const code = (status: number) => `,code="${String(status)}"`;
    // What is counted when an answer has gone out may come after it has arrived.
    await eventually("the second answer", () => of(requests, code(405)) === 1);
    assert.equal(of(requests, code(200)), 1);
    assert.equal(of(requests, code(404)), undefined);
    assert.equal(of(running, ""), 0);
    assert.equal(of(latency, `${code(200)},le="1.0"`), 0);
    assert.equal(of(latency, `${code(200)},le="2.5"`), 1);
    assert.equal(of(seconds, code(200)), 2);
  });

  it("is measured also where whoever asked has gone before the answer", async () => {
    await using stage = await Stage.start();
    const read = Promise.withResolvers<undefined>();
    stage.meanwhile = () => {
      read.resolve(undefined);
      return new Promise<void>(() => undefined);
    };
    const question = JSON.stringify(reviewOf(podOf(), {}));
    const asked = stage.ask(question);
    asked.on("error", () => undefined); // it is ended from here
    asked.end(question);
    await read.promise;
    asked.destroy();
    const gone = 'controller_runtime_webhook_requests_total{webhook="/inject",code="0"}';
    await eventually("the one that has gone", () => stage.metric(gone) === 1);
  });

  it("reads the namespace anew before a pod is let go on labels that were kept", async () => {
    await using stage = await Stage.start();
    stage.labels = [{}, namespace.labels];
    assert.equal(typeof (await stage.review(podOf()))["patch"], "string");
  });

  it("refuses what is no question about a pod that is to be made", async () => {
    await using stage = await Stage.start();
    const others = [
      { operation: "DELETE" },
      { subResource: "status" },
      { resource: { group: "apps", version: "v1", resource: "deployments" } },
    ];
    for (const more of others) assert.equal((await stage.review(podOf(), more))["allowed"], false);
    const sent: readonly (readonly [string, Parameters<Stage["send"]>[1], number])[] = [
      ["{", {}, 400],
      ["[]", {}, 400],
      ['{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview"}', {}, 400],
      ["{}", { type: "text/plain" }, 415],
      ["{}", { method: "PUT" }, 405],
      ["{}", { path: "/other" }, 404],
      [JSON.stringify({ much: "x".repeat(3 * 1024 * 1024) }), {}, 413],
    ];
    for (const [body, how, status] of sent) {
      const answer = await stage.send(body, how);
      assert.equal(answer.status, status, `${body.slice(0, 60)} ${JSON.stringify(how)}`);
      assert.doesNotMatch(answer.text, /\n\s+at /);
    }
    assert.deepEqual(stage.counted, Array(3).fill("refused UnreadableRequest"));
  });
});
