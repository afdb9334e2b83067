/** Apply, single objects and events, on the wire. */
import assert from "node:assert/strict";
import { apply, applyStatus } from "#operator/kube/apply.ts";
import { create, get, remove, replace, type Call } from "#operator/kube/calls.ts";
import { isRefused, KubeFailure, valueOf } from "#operator/kube/errors.ts";
import { Recorder, type News } from "#operator/kube/events.ts";
import { eventually } from "#test/support/poll.ts";
import type { ReceivedRequest } from "#test/support/kube/scripted-server.ts";
import { Stage, never, onFailure, queueObject, queues } from "#test/support/kube/stage.ts";

const path = "/apis/holdfast.dev/v1alpha1/namespaces/shop/queues/a";
const object = { namespace: "shop", name: "a" } as const;
const stored = queueObject({ name: "a", version: 8, uid: "u1" });
const callOn = (stage: Stage): Call => ({ api: stage.api, resource: queues, signal: never });

describe("server-side apply", () => {
  it("says what one field manager wants, and overrules others", async () => {
    await using stage = await Stage.start();
    const applied = apply(callOn(stage), "holdfast-published", {
      object,
      labels: { x: "y" },
      ownerReferences: [{ uid: "o" }],
      fields: { spec: { depth: 1 } },
    });
    const request = await stage.server.next();
    assert.equal(`${request.method} ${request.path}`, `PATCH ${path}`);
    assert.deepEqual(
      [...request.query],
      [
        ["fieldManager", "holdfast-published"],
        ["force", "true"],
      ],
    );
    assert.equal(request.headers["content-type"], "application/apply-patch+yaml");
    assert.deepEqual(request.body, {
      apiVersion: "holdfast.dev/v1alpha1",
      kind: "Queue",
      metadata: { ...object, labels: { x: "y" }, ownerReferences: [{ uid: "o" }] },
      spec: { depth: 1 },
    });
    request.answer(200, stored);
    assert.deepEqual(valueOf("applying", await applied), stored);
  });

  it("writes the status by its subresource, of this very version only", async () => {
    await using stage = await Stage.start();
    const status = { observedGeneration: 3 };
    const applied = applyStatus(callOn(stage), "holdfast-published", { of: stored, status });
    const request = await stage.server.next();
    assert.equal(`${request.method} ${request.path}`, `PATCH ${path}/status`);
    assert.equal(request.query.get("fieldManager"), "holdfast-published");
    assert.deepEqual(request.body, {
      apiVersion: "holdfast.dev/v1alpha1",
      kind: "Queue",
      metadata: { ...object, resourceVersion: "8" },
      status,
    });
    request.refuse(409, "Conflict");
    const outcome = await applied;
    assert.ok(isRefused(outcome, "conflict"));
    assert.throws(() => valueOf("applying", outcome), KubeFailure);
  });

  it("does not send a status again that may have been taken: the second would be refused", async () => {
    await using stage = await Stage.start();
    const applied = applyStatus(callOn(stage), "m", { of: stored, status: {} });
    (await stage.server.next()).reset();
    assert.equal((await applied).kind, "unknown");
  });

  it("names the uid where only one very object is meant", async () => {
    await using stage = await Stage.start();
    const applied = apply(callOn(stage), "m", { object, uid: "u1", fields: {} });
    const request = await stage.server.next();
    assert.deepEqual((request.body as { metadata: object }).metadata, { ...object, uid: "u1" });
    request.answer(200, stored);
    assert.equal((await applied).kind, "done");
  });

  it("is sent again when the connection breaks: it says what ought to be", async () => {
    await using stage = await Stage.start();
    const applied = apply(callOn(stage), "m", { object, fields: {} });
    (await stage.server.next()).reset();
    await stage.runtime.skipPause(10_000);
    (await stage.server.next()).answer(200, stored);
    assert.equal((await applied).kind, "done");
  });
});

describe("single objects", () => {
  it("are read, made and replaced whole", async () => {
    await using stage = await Stage.start();
    const call = callOn(stage);
    const steps = [
      { run: () => get(call, object), expected: `GET ${path}` },
      {
        run: () => create(call, { metadata: object, spec: {} }),
        expected: "POST /apis/holdfast.dev/v1alpha1/namespaces/shop/queues",
      },
      { run: () => replace(call, { ...stored, "x-new": 1 }), expected: `PUT ${path}` },
    ];
    for (const { run, expected } of steps) {
      const outcome = run();
      const request = await stage.server.next();
      assert.equal(`${request.method} ${request.path}`, expected);
      if (request.method === "PUT") assert.deepEqual(request.body, { ...stored, "x-new": 1 });
      request.answer(200, { ...stored, "x-newer": 2 });
      assert.deepEqual(await outcome, { kind: "done", value: { ...stored, "x-newer": 2 } });
    }
  });

  it("are unknown where the answer is no object", async () => {
    await using stage = await Stage.start();
    const outcome = get(callOn(stage), object);
    (await stage.server.next()).answer(200, { kind: "Status" });
    assert.equal((await outcome).kind, "unknown");
  });

  it("of a namespaced resource are not asked for without one", async () => {
    await using stage = await Stage.start();
    assert.ok(isRefused(await get(callOn(stage), { name: "a" }), "notSent"));
  });

  it("are deleted by uid, so that another of the name stays", async () => {
    await using stage = await Stage.start();
    const removed = async (answer: (request: ReceivedRequest) => void) => {
      const outcome = remove(callOn(stage), stored);
      const request = await stage.server.next();
      assert.equal(`${request.method} ${request.path}`, `DELETE ${path}`);
      assert.deepEqual((request.body as { preconditions: object }).preconditions, { uid: "u1" });
      answer(request);
      const { kind, ...rest } = await outcome;
      return kind === "done" && "value" in rest ? rest.value : kind;
    };
    assert.equal(await removed((request) => request.answer(200, {})), "removed");
    assert.equal(await removed((request) => request.refuse(404, "NotFound")), "gone");
    assert.equal(await removed((request) => request.refuse(409, "Conflict")), "gone");
    assert.equal(await removed((request) => request.refuse(403, "Forbidden")), "refused");
  });
});

describe("events", () => {
  const news = (more: Partial<News> = {}): News => ({
    regarding: stored,
    type: "Warning",
    reason: "InvalidSpec",
    action: "Publish",
    note: "spec.depth is negative",
    ...more,
  });
  async function start() {
    const stage = await Stage.start();
    const { api, runtime, scrape } = stage;
    const recorder = Recorder.start({
      api,
      runtime,
      metrics: scrape.kube,
      controller: "holdfast.dev/operator",
      instance: "operator-1",
      onFailure,
    });
    return {
      stage,
      recorder,
      sent: () => scrape.value("holdfast_kube_events_sent_total"),
      dropped: () => scrape.value("holdfast_kube_events_dropped_total"),
      [Symbol.asyncDispose]: async () => {
        await recorder.close();
        await stage[Symbol.asyncDispose]();
        assert.equal(runtime.timers, 0);
      },
    };
  }
  const collection = "/apis/events.k8s.io/v1/namespaces/shop/events";
  const answerWith = (request: ReceivedRequest): Record<string, unknown> => {
    const body = request.body as { metadata: object };
    return { ...body, metadata: { ...body.metadata, uid: "e", resourceVersion: "9" } };
  };

  it("are sent at once, and counted in the same Event when they come again", async () => {
    await using events = await start();
    const { stage, recorder, sent } = events;
    recorder.record(news());
    const first = await stage.server.next();
    assert.equal(`${first.method} ${first.path}`, `POST ${collection}`);
    assert.deepEqual(first.body, {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { name: "a.0000000000000001", namespace: "shop" },
      eventTime: "2026-01-01T00:00:01.000000Z",
      reportingController: "holdfast.dev/operator",
      reportingInstance: "operator-1",
      type: "Warning",
      reason: "InvalidSpec",
      action: "Publish",
      note: "spec.depth is negative",
      regarding: {
        apiVersion: "holdfast.dev/v1alpha1",
        kind: "Queue",
        namespace: "shop",
        name: "a",
        uid: "u1",
        resourceVersion: "8",
      },
    });
    first.answer(201, answerWith(first));
    await eventually("the event", () => sent() === 1);
    recorder.record(news());
    recorder.record(news({ note: "other words" }));
    assert.equal(await stage.runtime.skipPause(20_000), 10_000, "a series is written now and then");
    const again = await stage.server.next();
    assert.equal(`${again.method} ${again.path}`, `PATCH ${collection}/a.0000000000000001`);
    assert.equal(again.headers["content-type"], "application/merge-patch+json");
    assert.deepEqual(again.body, {
      series: { count: 3, lastObservedTime: "2026-01-01T00:00:01.000000Z" },
    });
    again.answer(200, { ...answerWith(first), ...(again.body as object) });
    await eventually("the series", () => sent() === 2);
    recorder.record(news({ reason: "Other" }));
    assert.equal((await stage.server.next()).method, "POST");
  });

  it("that come while one is being sent are counted in the next write", async () => {
    await using events = await start();
    const { stage, recorder } = events;
    recorder.record(news());
    const first = await stage.server.next();
    recorder.record(news());
    first.answer(201, answerWith(first));
    await stage.runtime.skipPause(20_000);
    const again = await stage.server.next();
    assert.equal((again.body as { series: { count: number } }).series.count, 2);
  });

  it("are held in a bounded number: the longest unused one goes", async () => {
    await using events = await start();
    const { stage, recorder, dropped } = events;
    for (let i = 0; i < 1_100; i++) {
      recorder.record(news({ reason: `Reason${i}` }));
      stage.runtime.pass(200);
    }
    assert.equal(dropped(), 100);
  });

  it("begin a new Event after some minutes, and where the old one is gone", async () => {
    await using events = await start();
    const { stage, recorder, sent } = events;
    const tell = async (): Promise<ReceivedRequest> => {
      recorder.record(news());
      return stage.server.next();
    };
    const first = await tell();
    first.answer(201, answerWith(first));
    await eventually("the event", () => sent() === 1);
    stage.runtime.pass(360_000);
    const second = await tell();
    assert.equal(second.method, "POST");
    second.answer(201, answerWith(second));
    await eventually("the event", () => sent() === 2);
    stage.runtime.pass(20_000);
    const patch = await tell();
    assert.equal(patch.method, "PATCH");
    patch.refuse(404, "NotFound");
    await stage.runtime.skipPause(5_000);
    const third = await stage.server.next();
    assert.equal(third.method, "POST");
    assert.deepEqual((third.body as { series: object }).series, {
      count: 2,
      lastObservedTime: "2026-01-01T00:06:21.000000Z",
    });
    third.answer(201, answerWith(third));
    await eventually("the event", () => sent() === 3);
  });

  it("are dropped where they are refused, and after some tries", async () => {
    await using events = await start();
    const { stage, recorder, dropped } = events;
    recorder.record(news());
    (await stage.server.next()).refuse(403, "Forbidden");
    await eventually("the drop", () => dropped() === 1);
    recorder.record(news({ reason: "Other" }));
    for (let tries = 1; tries <= 4; tries++) {
      (await stage.server.next()).refuse(500, "InternalError");
      if (tries < 4) await stage.runtime.skipPause(20_000);
    }
    await eventually("the drop", () => dropped() === 2);
  });

  it("that are told once have one name, and one that is there already is left as it is", async () => {
    await using events = await start();
    const { stage, recorder, sent, dropped } = events;
    recorder.record(news({ once: true }));
    const first = await stage.server.next();
    const { name } = (first.body as { metadata: { name: string } }).metadata;
    assert.equal(name, "a.u1.invalidspec");
    first.answer(201, answerWith(first));
    await eventually("the event", () => sent() === 1);
    // As another process, or as this one a while later.
    stage.runtime.pass(360_000);
    recorder.record(news({ once: true }));
    const second = await stage.server.next();
    assert.equal((second.body as { metadata: { name: string } }).metadata.name, name);
    second.refuse(409, "AlreadyExists");
    recorder.record(news({ once: true, reason: "Other" }));
    const third = await stage.server.next();
    third.answer(201, answerWith(third));
    await eventually("the next event", () => sent() === 2);
    assert.equal(dropped() ?? 0, 0);
    recorder.record(news({ reason: "Taken" }));
    (await stage.server.next()).refuse(409, "AlreadyExists");
    await eventually("the drop of what has a name of its own", () => dropped() === 1);
    const long = `${"a".repeat(149)}.b`;
    const regarding = { ...stored, metadata: { ...stored.metadata, name: long } };
    recorder.record(news({ once: true, regarding, reason: "Cut" }));
    const cut = (await stage.server.next()).body as { metadata: { name: string } };
    assert.equal(cut.metadata.name, `${"a".repeat(149)}.u1.cut`);
  });

  it("are dropped where they come in masses", async () => {
    await using events = await start();
    const { recorder, dropped } = events;
    for (let i = 0; i < 60; i++) recorder.record(news({ reason: `Reason${i}` }));
    assert.equal(dropped(), 10);
    for (let i = 0; i < 60; i++) recorder.record(news({ reason: "Reason1" }));
    assert.equal(dropped(), 10, "what only counts further costs nothing");
  });

  it("are as short as the server takes them, and have a namespace", async () => {
    await using events = await start();
    const { stage, recorder } = events;
    const { namespace: _none, ...metadata } = stored.metadata;
    const regarding = { ...stored, metadata };
    recorder.record(news({ regarding, note: "ä".repeat(2_000) }));
    const request = await stage.server.next();
    assert.match(request.path, /\/namespaces\/default\/events$/);
    const { note } = request.body as { note: string };
    assert.ok(Buffer.byteLength(note) <= 1_000 && /^ä+…$/.test(note));
  });
});
