/** The transport against a real server that answers as it is told, on clocks that stand still. */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { Cluster } from "#operator/kube/cluster.ts";
import type { KubeOutcome } from "#operator/kube/errors.ts";
import { Transport } from "#operator/kube/transport.ts";
import { freePorts } from "#test/support/free-ports.ts";
import { eventually } from "#test/support/poll.ts";
import { ScriptedServer } from "#test/support/kube/scripted-server.ts";
import { Scrape, Stage, never, plainConfig } from "#test/support/kube/stage.ts";
import { SteppedRuntime } from "#test/support/kube/stepped-runtime.ts";

const get = { method: "GET", path: "/apis/x" } as const;
const post = { method: "POST", path: "/apis/x", body: { a: 1 } } as const;

const shape = (outcome: KubeOutcome<unknown>): string => {
  if (outcome.kind === "done") return "done";
  return outcome.kind === "refused" ? outcome.refusal.reason : outcome.silence.code;
};

describe("the transport to the API server", () => {
  it("sends JSON and gives the answer's JSON", async () => {
    await using stage = await Stage.start();
    const request = { ...post, query: { a: "1 2", b: undefined } };
    const answer = stage.api.request(request, never);
    const received = await stage.server.next();
    assert.equal(received.method, "POST");
    assert.deepEqual([...received.query], [["a", "1 2"]]);
    assert.deepEqual(received.body, { a: 1 });
    assert.equal(received.headers["content-type"], "application/json");
    received.answer(201, { made: true });
    assert.deepEqual(await answer, { kind: "done", value: { made: true } });
    assert.equal(stage.runtime.timers, 0);
  });

  it("uses its connections again for what comes one after the other", async () => {
    await using stage = await Stage.start();
    const ports = new Set<number | undefined>();
    for (let i = 0; i < 10; i++) {
      const answer = stage.api.request(get, never);
      const received = await stage.server.next();
      ports.add(received.port);
      received.answer(200, {});
      assert.equal(shape(await answer), "done");
    }
    // undici takes a second one where the first has only just answered.
    assert.ok(ports.size <= 2, `${ports.size} connections`);
  });

  it("obeys Retry-After, for a write too: 429 means that nothing was done", async () => {
    await using stage = await Stage.start();
    const answer = stage.api.request(post, never);
    (await stage.server.next()).refuse(429, "TooManyRequests", { "retry-after": "3" });
    assert.equal(await stage.runtime.pause(), 3_375);
    stage.runtime.pass(2_999);
    assert.equal(stage.server.pending, 0);
    stage.runtime.pass(376);
    (await stage.server.next()).answer(200, {});
    assert.equal(shape(await answer), "done");
    assert.equal(
      stage.scrape.value(
        `rest_client_request_retries_total{code="429",verb="POST",host="${stage.host}"}`,
      ),
      1,
    );
  });

  it("hands a wait that its deadline does not allow on to its caller", async () => {
    await using stage = await Stage.start();
    const answer = stage.api.request(get, never);
    (await stage.server.next()).refuse(429, "TooManyRequests", { "retry-after": "45" });
    const outcome = await answer;
    assert.ok(outcome.kind === "refused" && outcome.refusal.reason === "tooMany");
    assert.equal(outcome.refusal.retryAfterMs, 45_000);
  });

  it("gives up after a few attempts", async () => {
    await using stage = await Stage.start();
    const answer = stage.api.request(get, never);
    for (let attempt = 1; attempt <= 5; attempt++) {
      (await stage.server.next()).refuse(429, "TooManyRequests", { "retry-after": "1" });
      if (attempt < 5) await stage.runtime.skipPause(10_000);
    }
    assert.equal(shape(await answer), "tooMany");
  });

  it("asks a server that is away for a while again, where it says for how long", async () => {
    await using stage = await Stage.start();
    const answer = stage.api.request(get, never);
    (await stage.server.next()).refuse(503, "ServiceUnavailable", { "retry-after": "1" });
    await stage.runtime.skipPause(10_000);
    (await stage.server.next()).answer(200, {});
    assert.equal(shape(await answer), "done");
  });

  it("does not know what became of a write that the server failed at", async () => {
    await using stage = await Stage.start();
    for (const code of [500, 502, 503, 504]) {
      const answer = stage.api.request(post, never);
      (await stage.server.next()).refuse(code, "InternalError", { "retry-after": "1" });
      const outcome = await answer;
      assert.ok(outcome.kind === "unknown", `${code}`);
      assert.equal(outcome.silence.status, code);
    }
  });

  it("sends a read again whose connection broke, and a write never", async () => {
    await using stage = await Stage.start();
    const read = stage.api.request(get, never);
    (await stage.server.next()).reset();
    await stage.runtime.skipPause(10_000);
    (await stage.server.next()).answer(200, {});
    assert.equal(shape(await read), "done");
    const write = stage.api.request(post, never);
    (await stage.server.next()).reset();
    assert.equal(shape(await write), "broken");
    const apply = stage.api.request({ ...post, method: "PATCH", repeatable: true }, never);
    (await stage.server.next()).reset();
    await stage.runtime.skipPause(10_000);
    (await stage.server.next()).answer(200, {});
    assert.equal(shape(await apply), "done");
    const errors = `rest_client_requests_total{code="<error>",method="POST",host="${stage.host}"}`;
    assert.equal(stage.scrape.value(errors), 1);
  });

  it("knows that nothing was sent where nobody listens", async () => {
    const runtime = new SteppedRuntime();
    const [port = 0] = await freePorts(1);
    const cluster = new Cluster(() => plainConfig(`http://127.0.0.1:${port}`), runtime);
    await using api = new Transport({ cluster, runtime, metrics: new Scrape().kube });
    assert.equal(shape(await api.request(post, never)), "notSent");
  });

  it("knows that nothing was sent where there is no configuration", async () => {
    const runtime = new SteppedRuntime();
    const cluster = new Cluster(() => {
      throw new Error("no such file");
    }, runtime);
    await using api = new Transport({ cluster, runtime, metrics: new Scrape().kube });
    const outcome = await api.request(post, never);
    assert.ok(outcome.kind === "refused" && outcome.refusal.message === "no such file");
  });

  it("ends at its deadline, all attempts together", async () => {
    await using stage = await Stage.start();
    const answer = stage.api.request({ ...get, deadlineMs: 5_000 }, never);
    (await stage.server.next()).refuse(429, "TooManyRequests", { "retry-after": "2" });
    await stage.runtime.skipPause(4_000);
    const hanging = await stage.server.next();
    stage.runtime.pass(2_800);
    assert.equal(shape(await answer), "deadline");
    await hanging.closed;
  });

  it("leaves at once when its caller does, with the caller's reason", async () => {
    await using stage = await Stage.start();
    const caller = new AbortController();
    const answer = stage.api.request(get, caller.signal);
    const hanging = await stage.server.next();
    const reason = new Error("enough");
    caller.abort(reason);
    await assert.rejects(answer, (error) => error === reason);
    await hanging.closed;
    await assert.rejects(stage.api.request(get, caller.signal), (error) => error === reason);
    assert.equal(stage.runtime.timers, 0);
  });

  it("leaves nothing behind at a signal that outlives what it is for", async () => {
    await using stage = await Stage.start();
    const { signal } = new AbortController();
    const answer = stage.api.request(get, signal);
    (await stage.server.next()).answer(200, {});
    await answer;
    const refusedStream = stage.api.stream(get, signal);
    (await stage.server.next()).refuse(403, "Forbidden");
    await refusedStream;
    const opening = stage.api.stream(get, signal);
    (await stage.server.next()).open().end();
    const opened = await opening;
    assert.ok(opened.kind === "done");
    for await (const _chunk of opened.value.chunks) assert.fail("nothing was sent");
    await eventually("no listener", () => getEventListeners(signal, "abort").length === 0);
  });

  it("gives an answer up that is longer than it may be", async () => {
    await using server = await ScriptedServer.start();
    const runtime = new SteppedRuntime();
    const cluster = new Cluster(() => plainConfig(server.url), runtime);
    const metrics = new Scrape().kube;
    await using api = new Transport({ cluster, runtime, metrics, answerBytesMax: 100 });
    const fits = api.request(get, never);
    (await server.next()).answer(200, { a: "x".repeat(80) });
    assert.equal(shape(await fits), "done");
    const long = api.request(get, never);
    (await server.next()).answer(200, { a: "x".repeat(100) });
    assert.equal(shape(await long), "tooLarge");
  });

  it("takes a success that is no JSON for no answer", async () => {
    await using stage = await Stage.start();
    const answer = stage.api.request(get, never);
    (await stage.server.next()).answer(200, "<html>Please log in</html>");
    assert.equal(shape(await answer), "failed");
  });

  it("counts requests and how long they take under client-go's names", async () => {
    await using stage = await Stage.start();
    const answer = stage.api.request(get, never);
    const received = await stage.server.next();
    stage.runtime.pass(700);
    received.answer(200, {});
    await answer;
    const { scrape, host } = stage;
    assert.equal(
      scrape.value(`rest_client_requests_total{code="200",method="GET",host="${host}"}`),
      1,
    );
    const seconds = (le: string) =>
      scrape.value(
        `rest_client_request_duration_seconds_bucket{verb="GET",host="${host}",le="${le}"}`,
      );
    assert.equal(seconds("0.5"), 0);
    assert.equal(seconds("1.0"), 1);
  });

  it("streams until its end, and gives the connection up when it is closed", async () => {
    await using stage = await Stage.start();
    const opening = stage.api.stream(get, never);
    const received = (await stage.server.next()).open();
    const opened = await opening;
    assert.ok(opened.kind === "done");
    assert.equal(stage.runtime.timers, 0, "the deadline is for its beginning");
    received.raw("abc");
    const chunks = opened.value.chunks[Symbol.asyncIterator]();
    assert.equal(Buffer.from((await chunks.next()).value as Uint8Array).toString(), "abc");
    opened.value.close();
    await received.closed;
  });

  it("bounds how long a stream takes to begin", async () => {
    await using stage = await Stage.start();
    const opening = stage.api.stream(get, never);
    const received = await stage.server.next();
    stage.runtime.pass(30_000);
    assert.equal(shape(await opening), "deadline");
    await received.closed;
  });
});

describe("the transport's credentials", () => {
  let folder = "";
  const file = (name: string): string => path.join(folder, name);
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "holdfast-kube-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const withTokenFile = (server: string): KubeConfig => {
    const config = new KubeConfig();
    config.loadFromClusterAndUser(
      { name: "test", server, skipTLSVerify: true },
      {
        name: "test",
        authProvider: { name: "tokenFile", config: { tokenFile: file("token") } },
      },
    );
    return config;
  };

  it("are read again when their file is older than a moment", async () => {
    writeFileSync(file("token"), "one\n");
    await using stage = await Stage.start(withTokenFile);
    const used = async (): Promise<string | undefined> => {
      const answer = stage.api.request(get, never);
      const received = await stage.server.next();
      received.answer(200, {});
      await answer;
      return received.headers.authorization;
    };
    assert.equal(await used(), "Bearer one");
    writeFileSync(file("token"), "two\n");
    assert.equal(await used(), "Bearer one");
    stage.runtime.pass(10_000);
    assert.equal(await used(), "Bearer two");
    rmSync(file("token"));
    stage.runtime.pass(10_000);
    assert.equal(await used(), "Bearer two", "what cannot be read leaves what was read");
  });

  it("are read at once when the server does not know us, and the request is sent once more", async () => {
    writeFileSync(file("token"), "old");
    await using stage = await Stage.start(withTokenFile);
    const first = stage.api.request(post, never);
    (await stage.server.next()).answer(200, {});
    await first;
    stage.runtime.pass(1_000);
    writeFileSync(file("token"), "new");
    const answer = stage.api.request(post, never);
    (await stage.server.next()).refuse(401, "Unauthorized");
    const again = await stage.server.next();
    assert.equal(again.headers.authorization, "Bearer new");
    again.answer(200, {});
    assert.equal(shape(await answer), "done");
  });

  it("are not tried again where nothing newer is there", async () => {
    writeFileSync(file("token"), "old");
    await using stage = await Stage.start(withTokenFile);
    stage.runtime.pass(1_000);
    const answer = stage.api.request(post, never);
    (await stage.server.next()).refuse(401, "Unauthorized");
    assert.equal(shape(await answer), "unauthorized");
    assert.equal(stage.server.pending, 0);
  });
});
