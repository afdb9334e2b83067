import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { all, front } from "./front.ts";

const json = { "content-type": "application/json" };

describe("an acquire over HTTP", () => {
  it("takes fields from path, query and body, and answers with the grant", async () => {
    await using http = await front();
    const answer = await http.ask("POST", "/v1/locks/orders/a%2Fb%20c/acquire?wait=5s&ttl=1m", {
      headers: json,
      body: '{"holder":"worker","metadata":{"k":"v"}}',
    });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers["content-type"], "application/json");
    assert.equal(answer.headers.date, undefined);
    assert.deepEqual(http.locks.asked[0], {
      pool: "orders",
      name: "a/b c",
      mode: "exclusive",
      permits: 1,
      waitMs: 5_000,
      ttlMs: 60_000,
      hold: "ttl",
      requestId: undefined,
      holder: "worker",
      metadata: { k: "v" },
    });
    assert.equal(answer.body["lock"], "orders/a/b c");
    assert.equal(answer.body["fence"], "1");
    assert.equal(answer.body["expiresIn"], "29.99s");
    assert.equal(answer.body["guaranteedFor"], "8.5s");
  });

  it("answers a shell with one line", async () => {
    await using http = await front();
    const answer = await http.ask("POST", "/v1/locks/orders/42/acquire", {
      headers: { accept: "text/plain" },
    });
    assert.equal(answer.text, "g-1 1\n");
    assert.match(answer.headers["content-type"] ?? "", /^text\/plain/);
  });

  it("names the holder when the lock is held", async () => {
    await using http = await front();
    const answer = await http.ask("POST", "/v1/locks/orders/held/acquire");
    assert.equal(answer.status, 423);
    assert.equal(answer.headers["content-type"], "application/problem+json");
    assert.equal(answer.body["code"], "lock_held");
    assert.equal(answer.body["holder"], "worker-1");
    assert.equal(answer.body["since"], "1970-01-01T00:00:00.000Z");
    assert.equal(answer.body["waiting"], 2);
    assert.match(String(answer.body["detail"]), /held by 'worker-1' in pod 'pod-a' since 1970/);
  });

  it("says how to find out when the outcome is not known", async () => {
    await using http = await front();
    const answer = await http.ask("POST", "/v1/locks/unsure/1/acquire?requestId=r7");
    assert.equal(answer.status, 504);
    assert.equal(answer.body["requestId"], "r7");
    assert.match(String(answer.body["detail"]), /same requestId/);
  });
});

describe("other operations over HTTP", () => {
  it("answer a release with 204, and with 504 where it is not known", async () => {
    await using http = await front();
    const released = await http.ask("DELETE", "/v1/grants/g-1");
    assert.equal(released.status, 204);
    assert.equal(released.text, "");
    assert.equal((await http.ask("DELETE", "/v1/grants/unsure")).body["code"], "outcome_unknown");
  });

  it("say why and since when a grant is over", async () => {
    await using http = await front();
    const answer = await http.ask("POST", "/v1/grants/over/renew");
    assert.equal(answer.status, 409);
    assert.equal(answer.body["reason"], "expired");
    assert.equal(answer.body["since"], "1970-01-01T00:00:00.000Z");
    assert.equal(answer.body["why"], undefined);
  });

  it("show the session with etcd's state, and the commands that help a full database", async () => {
    await using http = await front();
    const { body } = await http.ask("GET", "/v1/session");
    assert.equal(body["state"], "alive");
    const etcd = body["etcd"] as Record<string, unknown>;
    assert.match(String(etcd["advice"]), /etcdctl defrag.*etcdctl alarm disarm/);
  });

  it("show locks, pools, resources and the contract", async () => {
    await using http = await front();
    assert.equal((await http.ask("GET", "/v1/locks/orders/42")).body["lock"], "orders/42");
    assert.equal((await http.ask("GET", "/v1/locks/orders?limit=5")).body["pool"], "orders");
    assert.equal((await http.ask("GET", "/v1/resources")).body["source"], "files");
    assert.equal((await http.ask("GET", "/openapi.json")).body["openapi"], "3.1.1");
    assert.equal((await http.ask("DELETE", "/v1/grants?holder=me")).body["released"], 3);
  });

  it("answer HEAD as GET without its body", async () => {
    await using http = await front();
    const got = await http.ask("GET", "/v1/resources");
    const head = await http.ask("HEAD", "/v1/resources");
    assert.equal(head.status, 200);
    assert.equal(head.text, "");
    assert.equal(head.headers["content-length"], got.headers["content-length"]);
  });
});

describe("bad input over HTTP", () => {
  const cases: [
    string,
    string,
    string,
    { headers?: Record<string, string>; body?: string },
    number,
    string,
    RegExp,
  ][] = [
    ["an unknown path", "GET", "/v2/locks", {}, 404, "not_found", /openapi/],
    ["a trailing slash", "GET", "/v1/session/", {}, 404, "not_found", /no such path/],
    [
      "an unknown pool",
      "POST",
      "/v1/locks/nowhere/1/acquire",
      {},
      404,
      "pool_not_found",
      /nowhere/,
    ],
    [
      "a malformed duration",
      "POST",
      "/v1/locks/orders/1/acquire?wait=5",
      {},
      400,
      "malformed",
      /^wait: '5' is not a duration/,
    ],
    [
      "an unknown field",
      "POST",
      "/v1/locks/orders/1/acquire?waits=5s",
      {},
      400,
      "malformed",
      /did you mean 'wait'/,
    ],
    [
      "a hold by a stream without one",
      "POST",
      "/v1/locks/orders/1/acquire?hold=connection",
      {},
      400,
      "malformed",
      /hold: 'connection'.*Accept: text\/event-stream/,
    ],
    ["a malformed name", "POST", "/v1/locks/orders/%ff/acquire", {}, 400, "malformed", /UTF-8/],
    [
      "JSON that is none",
      "POST",
      "/v1/locks/orders/1/acquire",
      { headers: json, body: '{"wait":\n x}' },
      400,
      "malformed",
      /line 2, column 2 a value is expected/,
    ],
    [
      "a body that is no text",
      "POST",
      "/v1/locks/orders/1/acquire",
      { headers: json, body: "[]" },
      400,
      "malformed",
      /not a JSON object/,
    ],
    [
      "a form",
      "POST",
      "/v1/locks/orders/1/acquire",
      { headers: { "content-type": "application/x-www-form-urlencoded" }, body: "wait=5s" },
      415,
      "unsupported_media_type",
      /--json/,
    ],
    [
      "a form without a body",
      "POST",
      "/v1/locks/orders/1/acquire",
      { headers: { "content-type": "text/plain" } },
      415,
      "unsupported_media_type",
      /application\/json/,
    ],
    [
      "a body without a type",
      "POST",
      "/v1/locks/orders/1/acquire",
      { body: "{}" },
      415,
      "unsupported_media_type",
      /no Content-Type/,
    ],
    [
      "a header of later",
      "POST",
      "/v1/locks/orders/1/acquire",
      { headers: { "Holdfast-Grant": "g" } },
      400,
      "not_supported",
      /Holdfast-Grant/,
    ],
    ["too long a path", "GET", `/v1/locks/${"a".repeat(9_000)}`, {}, 414, "uri_too_long", /8192/],
    [
      "too many headers",
      "GET",
      "/v1/session",
      {
        headers: Object.fromEntries(Array.from({ length: 110 }, (_, i) => [`x-${String(i)}`, "1"])),
      },
      431,
      "headers_too_large",
      /100/,
    ],
    [
      "too large headers",
      "GET",
      "/v1/session",
      { headers: { "x-big": "a".repeat(17_000) } },
      431,
      "headers_too_large",
      /16384/,
    ],
    [
      "too large a body",
      "POST",
      "/v1/locks/orders/1/acquire",
      { headers: json, body: `{"holder":"${"a".repeat(70_000)}"}` },
      413,
      "body_too_large",
      /65536/,
    ],
    [
      "an expectation that nobody has",
      "POST",
      "/v1/locks/orders/1/acquire",
      { headers: { expect: "wonders" } },
      400,
      "malformed",
      /100-continue/,
    ],
    ["a full pool", "POST", "/v1/locks/busy/1/acquire", {}, 429, "too_many_waiters", /Too many/],
  ];
  for (const [what, method, path, more, status, code, detail] of cases) {
    it(`is answered with ${String(status)} ${code}: ${what}`, async () => {
      await using http = await front();
      const answer = await http.ask(method, path, more);
      assert.equal(answer.headers["content-type"], "application/problem+json");
      assert.equal(answer.status, status);
      assert.equal(answer.body["code"], code);
      assert.equal(answer.body["status"], status);
      assert.match(String(answer.body["detail"]), detail);
      assert.equal(answer.headers["retry-after"], status === 429 ? "1" : undefined);
    });
  }

  it("names the methods that a path takes", async () => {
    await using http = await front();
    const answer = await http.ask("PUT", "/v1/grants/g-1");
    assert.equal(answer.status, 405);
    assert.equal(answer.headers["allow"], "GET, DELETE, HEAD");
    const options = await http.ask("OPTIONS", "/v1/locks/orders/1/acquire");
    assert.equal(options.headers["allow"], "POST");
  });

  it("tells nothing of what failed inside, but the log does", async () => {
    await using http = await front();
    const answer = await http.ask("POST", "/v1/locks/broken/1/acquire", {
      headers: { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
    });
    assert.equal(answer.status, 500);
    assert.ok(!answer.text.includes("secret"));
    const line = http.log.lines.find(({ level }) => level === "error");
    assert.equal((line?.fields?.["error"] as Error).message, "secret detail");
    assert.equal(line?.fields?.["traceId"], "0af7651916cd43dd8448eb211c80319c");
  });

  it("counts answers by operation and status, whatever the path", async () => {
    await using http = await front();
    await http.ask("POST", "/v1/locks/orders/1/acquire");
    await http.ask("GET", "/nowhere");
    const text = http.metrics.render(() => undefined);
    assert.ok(
      text.includes('holdfast_http_requests_total{operation="acquireLock",status="200"} 1'),
    );
    assert.ok(text.includes('holdfast_http_requests_total{operation="none",status="404"} 1'));
  });
});

describe("bytes that are no HTTP", () => {
  const texts: [string, string, RegExp][] = [
    ["a wrong request line", "HELLO\r\n\r\n", /^HTTP\/1\.1 400 [\s\S]*"code":"malformed"/],
    ["TLS", "\x16\x03\x01\x02\x00\x01", /^HTTP\/1\.1 400 [\s\S]*without TLS/],
    ["a request line without end", `GET /${"a".repeat(20_000)}`, /^HTTP\/1\.1 414 /],
    [
      "two lengths",
      "POST /v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
      /^HTTP\/1\.1 400 /,
    ],
    [
      "length and chunks",
      "POST /v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      /^HTTP\/1\.1 400 /,
    ],
    [
      "no Host",
      "GET /v1/session HTTP/1.1\r\n\r\n",
      /^HTTP\/1\.1 400 [\s\S]*Host: the header is missing/,
    ],
    ["a tunnel", "CONNECT a:1 HTTP/1.1\r\nHost: localhost\r\n\r\n", /^HTTP\/1\.1 405 /],
    [
      "a broken chunk",
      "POST /v1/locks/a/b/acquire HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      /^HTTP\/1\.1 400 /,
    ],
  ];
  for (const [what, text, expected] of texts) {
    it(`are answered with a problem, and the connection ends: ${what}`, async () => {
      await using http = await front();
      const socket = http.raw();
      socket.write(Buffer.from(text, "latin1"));
      socket.on("data", () => {
        // A client that had its answer goes.
        socket.end();
      });
      const answer = await all(socket);
      assert.match(answer, expected);
      assert.match(answer, /Content-Type: application\/problem\+json/);
      assert.equal(answer.match(/^HTTP\/1\.1 \d/gm)?.length, 1);
    });
  }
});
