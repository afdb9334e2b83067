/** The reflector against a real server that does what a test says, on clocks that stand still. */
import assert from "node:assert/strict";
import { Reflector, type Origin, type ReflectorParts } from "#operator/kube/reflector.ts";
import { keyOf } from "#operator/kube/objects.ts";
import type { Change } from "#operator/kube/store.ts";
import { eventually } from "#test/support/poll.ts";
import type { ReceivedRequest } from "#test/support/kube/scripted-server.ts";
import {
  Stage,
  bookmark,
  key,
  listObject,
  never,
  onFailure,
  queueObject,
  queues,
} from "#test/support/kube/stage.ts";

const path = "/apis/holdfast.dev/v1alpha1/queues";
const a = (version: number, uid?: string) =>
  queueObject({ name: "a", version, ...(uid !== undefined && { uid }) });
const b = (version: number) => queueObject({ name: "b", version });

class Reflected implements AsyncDisposable {
  readonly stage: Stage;
  readonly told: string[] = [];
  readonly changes: Change[] = [];
  readonly reflector: Reflector;

  private constructor(stage: Stage, more: Partial<ReflectorParts>) {
    this.stage = stage;
    this.reflector = Reflector.start({
      api: stage.api,
      runtime: stage.runtime,
      metrics: stage.scrape.kube,
      selection: { resource: queues },
      told: (change, origin) => this.#tell(change, origin),
      onFailure,
      ...more,
    });
  }

  static async start(more: Partial<ReflectorParts> = {}): Promise<Reflected> {
    return new Reflected(await Stage.start(), more);
  }

  next(): Promise<ReceivedRequest> {
    return this.stage.server.next();
  }

  /** The next request, which must be a list. */
  async list(): Promise<ReceivedRequest> {
    const request = await this.next();
    assert.equal(request.path, path);
    assert.equal(request.query.get("watch"), null, "a list");
    return request;
  }

  /** The next request, which must be a watch from this version. */
  async watch(from: number): Promise<ReceivedRequest> {
    const request = await this.next();
    assert.equal(request.query.get("watch"), "true", "a watch");
    assert.equal(request.query.get("resourceVersion"), String(from));
    return request;
  }

  heard(count: number): Promise<true | undefined> {
    return eventually(`${count} changes`, () => this.told.length >= count || undefined);
  }

  value(name: string, labels = ""): number | undefined {
    return this.stage.scrape.value(`${name}{resource="queues.holdfast.dev"${labels}}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.reflector.close();
    await this.stage[Symbol.asyncDispose]();
    assert.equal(this.stage.runtime.timers, 0, "no timer is left");
  }

  #tell(change: Change, origin: Origin): void {
    this.changes.push(change);
    this.told.push(`${origin} ${change.kind} ${change.key}`);
  }
}

describe("a reflector", () => {
  it("lists, then watches from there, and tells what changes", async () => {
    await using reflected = await Reflected.start({
      selection: { resource: queues, labelSelector: "x=y", fieldSelector: "spec.z=1" },
    });
    const { reflector, told } = reflected;
    assert.equal(reflector.hasSynced(), false);
    const synced = reflector.synced(never);
    const list = await reflected.list();
    assert.deepEqual(
      [...list.query],
      [
        ["labelSelector", "x=y"],
        ["fieldSelector", "spec.z=1"],
        ["limit", "500"],
      ],
    );
    list.answer(200, listObject(10, [a(7)]));
    await synced;
    assert.ok(reflector.hasSynced());
    assert.deepEqual(told, ["firstList added shop/a"]);
    const watch = await reflected.watch(10);
    assert.equal(watch.query.get("allowWatchBookmarks"), "true");
    assert.equal(watch.query.get("timeoutSeconds"), "360");
    assert.equal(watch.query.get("labelSelector"), "x=y");
    watch.open().send("MODIFIED", a(11)).send("ADDED", b(12)).send("DELETED", b(13));
    await reflected.heard(4);
    assert.deepEqual(told.slice(1), [
      "watch changed shop/a",
      "watch added shop/b",
      "watch deleted shop/b",
    ]);
    assert.equal(reflector.store.size, 1);
    assert.equal(reflector.store.get(key("shop/a"))?.metadata.resourceVersion, "11");
    assert.equal(reflector.problem(), undefined);
    assert.equal(reflected.value("holdfast_kube_lists_total"), 1);
    assert.equal(reflected.value("holdfast_kube_watch_events_total"), 3);
    assert.equal(reflected.value("holdfast_kube_objects"), 1);
  });

  it("keeps nothing of managedFields", async () => {
    await using reflected = await Reflected.start();
    const managed = (version: number) => {
      const object = a(version);
      return { ...object, metadata: { ...object.metadata, managedFields: [{ manager: "x" }] } };
    };
    (await reflected.list()).answer(200, listObject(10, [managed(7)]));
    (await reflected.watch(10)).open().send("MODIFIED", managed(11));
    await reflected.heard(2);
    assert.deepEqual(
      reflected.changes.map((change) => change.kind !== "deleted" && change.now),
      [a(7), a(11)],
    );
  });

  it("reads a list page by page", async () => {
    await using reflected = await Reflected.start();
    (await reflected.list()).answer(200, listObject(10, [a(7)], "more"));
    const second = await reflected.list();
    assert.equal(second.query.get("continue"), "more");
    assert.equal(reflected.told.length, 0);
    second.answer(200, listObject(10, [b(8)]));
    await reflected.watch(10);
    assert.deepEqual(reflected.told, ["firstList added shop/a", "firstList added shop/b"]);
  });

  it("begins a list anew whose pages have expired, and in the end reads it in one piece", async () => {
    await using reflected = await Reflected.start();
    for (let start = 1; start <= 2; start++) {
      (await reflected.list()).answer(200, listObject(10, [a(7)], "more"));
      (await reflected.list()).refuse(410, "Expired");
    }
    const whole = await reflected.list();
    assert.equal(whole.query.get("limit"), null);
    assert.equal(whole.query.get("continue"), null);
    whole.answer(200, listObject(20, [b(8)]));
    await reflected.watch(20);
    assert.deepEqual(reflected.told, ["firstList added shop/b"]);
  });

  it("goes on after a watch that was ended, from the last bookmark", async () => {
    await using reflected = await Reflected.start();
    (await reflected.list()).answer(200, listObject(10, []));
    const watch = (await reflected.watch(10)).open().send("ADDED", a(12));
    await reflected.heard(1);
    watch.send("BOOKMARK", bookmark(99));
    await eventually(
      "the bookmark",
      () => reflected.value("holdfast_kube_watch_events_total") === 2,
    );
    reflected.stage.runtime.pass(100_000);
    watch.end();
    assert.equal(await reflected.stage.runtime.skipPause(1_000), 100, "soon, but jittered");
    await reflected.watch(99);
    assert.equal(reflected.value("holdfast_kube_watches_total", ',end="ended"'), 1);
  });

  it("waits longer each time that a watch ends soon after it began, and forgets that when one was well", async () => {
    await using reflected = await Reflected.start();
    const { runtime } = reflected.stage;
    (await reflected.list()).answer(200, listObject(10, []));
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      (await reflected.watch(10)).open().end();
      waits.push(await runtime.skipPause());
    }
    assert.deepEqual(waits, [1_200, 2_400, 4_800, 9_600, 19_200, 38_400, 45_000, 45_000]);
    const well = (await reflected.watch(10)).open();
    await eventually("the watch", () => reflected.reflector.problem() === undefined);
    runtime.pass(60_000);
    well.reset();
    assert.equal(await runtime.skipPause(), 1_200);
    await reflected.watch(10);
  });

  it("reads the list again when its version is gone, told within the watch", async () => {
    await using reflected = await Reflected.start();
    (await reflected.list()).answer(200, listObject(10, [a(7)]));
    (await reflected.watch(10))
      .open()
      .send("ERROR", { kind: "Status", code: 410, reason: "Expired", message: "too old" });
    assert.equal(await reflected.stage.runtime.pause(), 1_200);
    assert.match(reflected.reflector.problem() ?? "", /the version is gone/);
    await reflected.stage.runtime.skipPause();
    (await reflected.list()).answer(200, listObject(50, [a(40), b(41)]));
    await reflected.watch(50);
    assert.deepEqual(reflected.told.slice(1), ["list changed shop/a", "list added shop/b"]);
    assert.equal(reflected.value("holdfast_kube_watches_total", ',end="expired"'), 1);
  });

  it("reads the list again when its version is gone, told instead of a watch", async () => {
    await using reflected = await Reflected.start();
    (await reflected.list()).answer(200, listObject(10, [a(7)]));
    (await reflected.watch(10)).refuse(410, "Expired");
    await reflected.stage.runtime.skipPause();
    (await reflected.list()).answer(200, listObject(50, []));
    await reflected.watch(50);
    assert.deepEqual(reflected.told.slice(1), ["list deleted shop/a"]);
  });

  it("does not wait for a server that was away, has come back, and has lost the version", async () => {
    await using reflected = await Reflected.start();
    const { runtime } = reflected.stage;
    (await reflected.list()).answer(200, listObject(10, []));
    for (let i = 0; i < 5; i++) {
      (await reflected.watch(10)).refuse(503, "ServiceUnavailable");
      await runtime.skipPause();
    }
    (await reflected.watch(10)).refuse(410, "Expired");
    assert.equal(await runtime.skipPause(), 1_200);
    for (const waitMs of [2_400, 4_800, 9_600]) {
      (await reflected.list()).answer(200, listObject(10, []));
      (await reflected.watch(10)).refuse(410, "Expired");
      assert.equal(await runtime.skipPause(), waitMs, "over and over it is waited for");
    }
    await reflected.list();
  });

  it("reads the list again after any other error within a watch, and says what it was", async () => {
    await using reflected = await Reflected.start();
    (await reflected.list()).answer(200, listObject(10, [a(7)]));
    const watch = (await reflected.watch(10)).open();
    watch.send("ERROR", {
      kind: "Status",
      code: 500,
      message: "etcdserver: no progress",
      details: { retryAfterSeconds: 9 },
    });
    assert.equal(await reflected.stage.runtime.pause(), 9_000, "as the server asks");
    assert.match(reflected.reflector.problem() ?? "", /error.*etcdserver: no progress/);
    await watch.closed;
    reflected.stage.runtime.pass(9_000);
    (await reflected.list()).answer(200, listObject(50, [a(7)]));
    await reflected.watch(50);
    assert.equal(reflected.told.length, 1);
  });

  it("reads the list again where a watch sends what is no event", async () => {
    await using reflected = await Reflected.start();
    const odd = ["<html>\n", '{"type":"ADDED"}\n', '{"type":"BOOKMARK","object":{}}\n', "7\n"];
    for (const line of odd) {
      (await reflected.list()).answer(200, listObject(10, []));
      (await reflected.watch(10)).open().raw(line);
      await reflected.stage.runtime.skipPause();
    }
    (await reflected.list()).answer(200, listObject(10, []));
    await reflected.watch(10);
    assert.equal(reflected.value("holdfast_kube_watches_total", ',end="malformed"'), odd.length);
  });

  it("goes on from what it had when the connection breaks, also within a line", async () => {
    await using reflected = await Reflected.start();
    (await reflected.list()).answer(200, listObject(10, []));
    const first = (await reflected.watch(10)).open().send("ADDED", a(11));
    await reflected.heard(1);
    first.reset();
    await reflected.stage.runtime.skipPause();
    const second = (await reflected.watch(11)).open();
    second.raw(JSON.stringify({ type: "ADDED", object: b(12) }).slice(0, 40));
    second.end();
    await reflected.stage.runtime.skipPause();
    (await reflected.watch(11)).open().send("ADDED", b(12));
    await reflected.heard(2);
    assert.deepEqual(reflected.told, ["watch added shop/a", "watch added shop/b"]);
    assert.equal(reflected.value("holdfast_kube_watches_total", ',end="broken"'), 2);
  });

  it("takes nothing twice that a server sends again", async () => {
    await using reflected = await Reflected.start();
    (await reflected.list()).answer(200, listObject(10, [a(7)]));
    (await reflected.watch(10))
      .open()
      .send("DELETED", a(11))
      .send("ADDED", a(7))
      .send("DELETED", a(11))
      .send("ADDED", b(12));
    await reflected.heard(3);
    assert.deepEqual(reflected.told.slice(1), ["watch deleted shop/a", "watch added shop/b"]);
  });

  it("sees that an object was deleted and made again under its name between two lists", async () => {
    await using reflected = await Reflected.start();
    (await reflected.list()).answer(200, listObject(10, [a(7, "first")]));
    (await reflected.watch(10)).refuse(410, "Expired");
    await reflected.stage.runtime.skipPause();
    (await reflected.list()).answer(200, listObject(50, [a(40, "second")]));
    await reflected.watch(50);
    assert.deepEqual(reflected.changes.slice(1), [
      { kind: "deleted", key: "shop/a", was: a(7, "first"), seen: false },
      { kind: "added", key: "shop/a", now: a(40, "second") },
    ]);
  });

  it("comes back to a server that is away for a while, without a list", async () => {
    await using reflected = await Reflected.start();
    (await reflected.list()).answer(200, listObject(10, [a(7)]));
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      (await reflected.watch(10)).refuse(503, "ServiceUnavailable");
      waits.push(await reflected.stage.runtime.skipPause());
    }
    assert.deepEqual(waits, [1_200, 2_400, 4_800, 9_600]);
    assert.match(reflected.reflector.problem() ?? "", /refused.*failed/);
    (await reflected.watch(10)).open();
    await eventually("the watch", () => reflected.reflector.problem() === undefined);
  });

  it("waits as long as a busy server asks, before a watch and before a list", async () => {
    await using reflected = await Reflected.start();
    const { runtime } = reflected.stage;
    (await reflected.list()).refuse(429, "TooManyRequests", { "retry-after": "60" });
    assert.equal(await runtime.skipPause(), 60_000);
    (await reflected.list()).answer(200, listObject(10, []));
    (await reflected.watch(10)).refuse(429, "TooManyRequests", { "retry-after": "70" });
    assert.equal(await runtime.skipPause(), 70_000);
    await reflected.watch(10);
  });

  it("never gives a list up", async () => {
    await using reflected = await Reflected.start();
    const codes = [500, 404, 403, 503, 401, 400, 500, 500, 500];
    for (const code of codes) {
      (await reflected.list()).refuse(code, "No");
      assert.match(reflected.reflector.problem() ?? "", /list/);
      const waitMs = await reflected.stage.runtime.skipPause();
      assert.ok(waitMs >= 1_200 && waitMs <= 45_000);
    }
    (await reflected.list()).answer(200, listObject(10, []));
    await reflected.watch(10);
    assert.ok(reflected.reflector.hasSynced());
  });

  it("takes an answer that is no list for none", async () => {
    await using reflected = await Reflected.start();
    for (const odd of [
      {},
      { metadata: { resourceVersion: "7" }, items: 7 },
      listObject(7, [{} as never]),
    ]) {
      (await reflected.list()).answer(200, odd);
      await reflected.stage.runtime.skipPause();
    }
    (await reflected.list()).answer(200, { metadata: { resourceVersion: "7" }, items: null });
    await reflected.watch(7);
  });

  it("lists again where a watch is forbidden: what is wrong may be wrong with that, too", async () => {
    await using reflected = await Reflected.start();
    (await reflected.list()).answer(200, listObject(10, []));
    (await reflected.watch(10)).refuse(403, "Forbidden");
    await reflected.stage.runtime.skipPause();
    await reflected.list();
  });

  it("notices a server that has fallen silent: soon where it sent bookmarks", async () => {
    await using reflected = await Reflected.start();
    const { runtime } = reflected.stage;
    (await reflected.list()).answer(200, listObject(10, []));
    const watch = (await reflected.watch(10)).open().send("BOOKMARK", bookmark(20));
    await runtime.waits((ms) => ms === 150_000);
    runtime.pass(100_000);
    watch.send("BOOKMARK", bookmark(21));
    await eventually(
      "the bookmark",
      () => reflected.value("holdfast_kube_watch_events_total") === 2,
    );
    runtime.pass(149_999);
    assert.equal(reflected.reflector.problem(), undefined);
    runtime.pass(1);
    await watch.closed;
    await runtime.skipPause();
    await reflected.watch(21);
    assert.equal(reflected.value("holdfast_kube_watches_total", ',end="silent"'), 1);
  });

  it("notices a server that has fallen silent: some time after it should have ended the watch", async () => {
    await using reflected = await Reflected.start();
    const { runtime } = reflected.stage;
    (await reflected.list()).answer(200, listObject(10, []));
    const watch = (await reflected.watch(10)).open();
    await eventually("the watch", () => reflected.reflector.problem() === undefined);
    assert.equal(watch.query.get("timeoutSeconds"), "360");
    runtime.pass(374_999);
    assert.equal(runtime.timers, 1);
    runtime.pass(1);
    await watch.closed;
    await runtime.skipPause();
    await reflected.watch(10);
  });

  it("outlives a handler that throws, and counts it", async () => {
    let calls = 0;
    await using reflected = await Reflected.start({
      told: () => {
        calls += 1;
        throw new TypeError("no such field");
      },
    });
    (await reflected.list()).answer(200, listObject(10, [a(7)]));
    (await reflected.watch(10)).open().send("ADDED", b(11)).send("MODIFIED", a(12));
    await eventually("three calls", () => calls === 3);
    assert.equal(reflected.value("holdfast_kube_handler_failures_total"), 3);
    assert.equal(reflected.reflector.store.size, 2);
  });

  it("tells of all objects again now and then", async () => {
    await using reflected = await Reflected.start({ resyncMs: 600_000 });
    const { runtime } = reflected.stage;
    (await reflected.list()).answer(200, listObject(10, [a(7)]));
    (await reflected.watch(10)).open();
    await reflected.heard(1);
    assert.equal(await runtime.waits((ms) => ms > 500_000), 600_000);
    runtime.pass(600_000);
    await reflected.heard(2);
    assert.deepEqual(reflected.changes.at(-1), {
      kind: "changed",
      key: keyOf(a(7)),
      was: a(7),
      now: a(7),
    });
    assert.match(reflected.told.at(-1) ?? "", /^resync/);
  });

  it("opens nothing after it was closed, in whatever it was", async () => {
    for (const state of ["listing", "watching", "waiting"]) {
      await using stage = await Stage.start();
      const reflector = Reflector.start({
        api: stage.api,
        runtime: stage.runtime,
        metrics: stage.scrape.kube,
        selection: { resource: queues },
        told: () => undefined,
        onFailure,
      });
      const list = await stage.server.next();
      let last = list;
      if (state === "watching") {
        list.answer(200, listObject(10, []));
        last = (await stage.server.next()).open();
      } else if (state === "waiting") {
        list.refuse(403, "Forbidden");
        await stage.runtime.pause();
      }
      await reflector.close();
      await reflector.close();
      await last.closed;
      assert.equal(stage.runtime.timers, 0);
      assert.equal(stage.server.pending, 0);
    }
  });

  it("lets who waits for the first list leave", async () => {
    await using reflected = await Reflected.start();
    const leaving = new AbortController();
    const waiting = reflected.reflector.synced(leaving.signal);
    const reason = new Error("leave");
    leaving.abort(reason);
    await assert.rejects(waiting, (error) => error === reason);
    await reflected.list();
  });
});
