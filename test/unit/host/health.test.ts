import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, it } from "mocha";
import type { Epoch, Instant, Runtime } from "#core/runtime.ts";
import { address } from "#host/address.ts";
import { Health, type Checks } from "#host/health.ts";
import { LoopWatch } from "#host/loop-watch.ts";
import { Metrics } from "#host/metrics.ts";
import { declareProcess } from "#host/process-metrics.ts";
import { listenForTermination } from "#host/signals.ts";
import { valueIn } from "../../support/exposition.ts";
import { silentLog } from "./silent-log.ts";

function started(checks: { startup?: Checks; live?: Checks; ready?: Checks }) {
  return Health.start({
    address: address("127.0.0.1:0"),
    option: { env: "HOLDFAST_HEALTH_ADDRESS" },
    startup: checks.startup ?? {},
    live: checks.live ?? {},
    ready: checks.ready ?? {},
    metrics: new Metrics(),
    log: silentLog,
  });
}

function connectTo({ addresses }: Health): Socket {
  const { hostname, port } = new URL(`http://${addresses[0] ?? ""}`);
  const socket = connect(Number(port), hostname);
  // Those that give way are ended, and may be reset.
  socket.on("error", (error) => {
    assert.match(error.message, /ECONNRESET|EPIPE/);
  });
  return socket;
}

async function allOf(socket: Socket): Promise<string> {
  let all = "";
  for await (const chunk of socket) all += String(chunk);
  return all;
}

describe("the health port", () => {
  it("answers each probe by its own checks, and names the one that fails", async () => {
    await using health = await started({
      startup: { resources: () => undefined },
      ready: { listening: () => undefined, draining: () => "the process is shutting down" },
    });
    const base = `http://${health.addresses[0] ?? ""}`;
    const startup = await fetch(`${base}/startupz`);
    assert.equal(startup.status, 200);
    assert.equal(await startup.text(), "[+] resources\nok\n");
    const ready = await fetch(`${base}/readyz?verbose`);
    assert.equal(ready.status, 503);
    assert.equal(
      await ready.text(),
      "[+] listening\n[-] draining: the process is shutting down\nfailed\n",
    );
    assert.equal((await fetch(`${base}/livez`)).status, 200);
  });

  it("serves metrics as OpenMetrics, and nothing else", async () => {
    await using health = await started({});
    const base = `http://${health.addresses[0] ?? ""}`;
    const metrics = await fetch(`${base}/metrics`);
    assert.equal(
      metrics.headers.get("content-type"),
      "application/openmetrics-text; version=1.0.0; charset=utf-8",
    );
    assert.match(await metrics.text(), /# EOF\n$/);
    assert.equal((await fetch(`${base}/other`)).status, 404);
    assert.equal((await fetch(`${base}/livez`, { method: "POST" })).status, 405);
  });

  it("answers HEAD with the length and no body, and names what it takes where it takes no other", async () => {
    await using health = await started({ live: { loop: () => undefined } });
    const url = `http://${health.addresses[0] ?? ""}/livez`;
    const head = await fetch(url, { method: "HEAD" });
    assert.equal(head.status, 200);
    assert.equal(head.headers.get("content-length"), String("[+] loop\nok\n".length));
    assert.equal(head.headers.get("cache-control"), "no-store");
    assert.equal(await head.text(), "");
    const posted = await fetch(url, { method: "POST" });
    assert.equal(posted.headers.get("allow"), "GET, HEAD");
  });

  it("asks HTTP/1.1 for a Host, and HTTP/1.0 for none", async () => {
    await using health = await started({});
    for (const [version, status] of [
      ["1.1", "400"],
      ["1.0", "200"],
    ]) {
      const socket = connectTo(health);
      socket.end(`GET /livez HTTP/${version ?? ""}\r\nConnection: close\r\n\r\n`);
      assert.match(await allOf(socket), new RegExp(`^HTTP/1.1 ${status ?? ""} `));
    }
  });

  it("answers the kubelet although others keep all its connections, idle or never used", async () => {
    await using health = await started({});
    const idle = Array.from({ length: 80 }, () => connectTo(health));
    await Promise.all(idle.map((socket) => once(socket, "connect")));
    const socket = connectTo(health);
    socket.end("GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert.match(await allOf(socket), /^HTTP\/1.1 200 /);
    for (const one of idle) one.destroy();
  });

  it("closes at once, also with a connection that is kept open", async () => {
    const health = await started({});
    await (await fetch(`http://${health.addresses[0] ?? ""}/livez`)).text();
    await Promise.all([health.close(), health.close()]);
  });
});

/** A clock that stands still until it is moved. */
function stillRuntime() {
  let now = 1_000;
  let due: { at: number; fire: () => void } | undefined;
  const runtime: Runtime = {
    now: () => now as Instant,
    wallNow: () => now as Epoch,
    timer: (at, fire) => {
      due = { at, fire };
      return { cancel: () => (due = undefined) };
    },
    turn: setImmediate,
    random: () => 0,
    randomId: () => "",
    log: silentLog,
  };
  return {
    runtime,
    /** Lets time pass, and the timer fire once at its end. */
    pass(ms: number) {
      now += ms;
      if (due !== undefined && due.at <= now) due.fire();
    },
  };
}

describe("the watch on the event loop", () => {
  it("tells a stall, remembers it for a while, and forgets it", () => {
    const clock = stillRuntime();
    using watch = new LoopWatch(clock.runtime);
    const metrics = new Metrics();
    declareProcess(metrics, { version: "1.0.0", lagMs: () => watch.lagMs() });
    const shown = () => {
      const text = metrics.render((_, error) => assert.fail(String(error)));
      return valueIn(text, "holdfast_event_loop_lag_seconds");
    };
    for (let i = 0; i < 10; i++) clock.pass(500);
    assert.equal(watch.problem(), undefined);
    clock.pass(6_000);
    assert.match(watch.problem() ?? "", /stood still for 5500 ms/);
    assert.equal(shown(), 5.5);
    for (let i = 0; i < 20; i++) clock.pass(500);
    assert.match(watch.problem() ?? "", /stood still/);
    for (let i = 0; i < 12; i++) clock.pass(500);
    assert.equal(watch.problem(), undefined);
    assert.equal(shown(), 0);
  });
});

describe("termination", () => {
  it("is asked for by the first signal, and a second one does not wait", async () => {
    const source = new EventEmitter();
    const ended: number[] = [];
    using termination = listenForTermination(source, (code) => ended.push(code));
    source.emit("SIGTERM");
    assert.equal(await termination.requested, "SIGTERM");
    assert.deepEqual(ended, []);
    source.emit("SIGINT");
    assert.deepEqual(ended, [130]);
  });
});
