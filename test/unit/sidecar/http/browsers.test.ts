import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { front } from "./front.ts";

describe("a web page in a browser of this machine", () => {
  const hosts: [string, number][] = [
    ["localhost", 200],
    ["LocalHost:4653", 200],
    ["127.0.0.1:9", 200],
    ["[::1]:4653", 200],
    ["localhost.", 200],
    ["sidecar:4653", 200],
    ["evil.example", 403],
    ["localhost.evil.example", 403],
    ["127.0.0.1.evil.example:4653", 403],
    ["[::1].evil.example", 403],
  ];
  for (const [host, status] of hosts) {
    it(`is let in under the Host '${host}': ${String(status === 200)}`, async () => {
      await using http = await front({ allowedHosts: ["Sidecar"] });
      const answer = await http.ask("GET", "/v1/session", { headers: { host } });
      assert.equal(answer.status, status);
      if (status === 403) assert.equal(answer.body["code"], "forbidden_host");
    });
  }

  it("cannot slip in by a URL in the request line", async () => {
    await using http = await front();
    const evil = await http.ask("GET", "http://evil.example/v1/session", {
      headers: { host: "localhost" },
    });
    assert.equal(evil.status, 403);
    const fine = await http.ask("GET", "http://localhost:1/v1/session", {
      headers: { host: "localhost" },
    });
    assert.equal(fine.status, 200);
  });

  const pages: [string, Record<string, string>][] = [
    [
      "a fetch from another site",
      { origin: "https://evil.example", "sec-fetch-site": "cross-site" },
    ],
    [
      "a form on another port of this machine",
      { origin: "http://localhost:3000", "sec-fetch-site": "same-site" },
    ],
    ["an old browser that sends only Origin", { origin: "http://evil.example" }],
    ["a sandboxed page", { origin: "null" }],
    ["an image of another site", { "sec-fetch-site": "cross-site" }],
  ];
  for (const [what, headers] of pages) {
    it(`takes no lock: ${what}`, async () => {
      await using http = await front();
      const answer = await http.ask("POST", "/v1/locks/orders/1/acquire", { headers });
      assert.equal(answer.status, 403);
      assert.equal(answer.body["code"], "cross_site");
      assert.equal(answer.headers["access-control-allow-origin"], undefined);
      assert.equal(http.locks.asked.length, 0);
    });
  }

  it("leaves alone a person who types the address", async () => {
    await using http = await front();
    assert.equal(
      (await http.ask("GET", "/v1/session", { headers: { "sec-fetch-site": "none" } })).status,
      200,
    );
  });
});
