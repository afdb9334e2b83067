import assert from "node:assert/strict";
import fc from "fast-check";
import { operations } from "#api/operations/operations.ts";
import { route } from "#api/operations/route.ts";

describe("a route", () => {
  it("leads to each operation of the table, with the raw segments of its path", () => {
    for (const { id, method, path, pathFields } of Object.values(operations)) {
      const names = Object.keys(pathFields);
      assert.deepEqual(
        [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
        names,
        path,
      );
      const raw = path.replaceAll(/\{(\w+)\}/g, "%2F$1");
      const values = names.map((name) => `%2F${name}`);
      assert.deepEqual(route(method, raw), { kind: "operation", id, values });
    }
  });

  it("tells which methods a path knows", () => {
    assert.deepEqual(route("PUT", "/v1/grants/g"), {
      kind: "methodNotAllowed",
      allow: ["GET", "DELETE"],
    });
    assert.deepEqual(route("GET", "/v1/grants"), { kind: "methodNotAllowed", allow: ["DELETE"] });
  });

  it("ends nowhere for all other paths", () => {
    const lost = [
      "",
      "/",
      "*",
      "//",
      "/v1",
      "/v1/",
      "/v1/locks",
      "/V1/session",
      "/v1/session/",
      "v1/session",
    ];
    for (const path of [
      ...lost,
      "/v1/locks/p/n/acquire/x",
      "/v1/locks/p/n/take",
      `/${"a/".repeat(10_000)}`,
    ]) {
      assert.deepEqual(route("GET", path), { kind: "notFound" }, path.slice(0, 40));
    }
    fc.assert(fc.property(fc.string(), fc.string(), (method, path) => void route(method, path)));
  });
});
