import assert from "node:assert/strict";
import { acceptedForm } from "#api/operations/accept.ts";

describe("the Accept header", () => {
  const acquires: readonly (readonly [string | undefined, string])[] = [
    [undefined, "json"],
    ["", "json"],
    ["*/*", "json"],
    ["application/json", "json"],
    ["application/json, text/plain, */*", "json"],
    ["text/*", "text"],
    ["text/plain", "text"],
    ["Text/Plain; charset=utf-8", "text"],
    ["text/plain, application/json;q=0.5", "text"],
    ["text/plain;q=0.5, */*", "json"],
    ["text/plain;q=0", "json"],
    ["text/html", "json"],
    ["text/plain;q=nonsense", "json"],
    ["text/event-stream", "events"],
    ["text/event-stream, */*;q=0.1", "events"],
    ["application/json, text/event-stream;q=0.1", "json"],
    ["text/plain, text/event-stream", "text"],
  ];
  for (const [header, form] of acquires) {
    it(`'${header ?? "(none)"}' on an acquire is answered as ${form}`, () => {
      assert.equal(acceptedForm("acquireLock", header), form);
    });
  }

  it("cannot ask for text where there is none", () => {
    assert.equal(acceptedForm("getLock", "text/plain"), "json");
  });

  it("is of no matter where there are only streams", () => {
    for (const header of [undefined, "*/*", "application/json", "text/plain"])
      assert.equal(acceptedForm("watchLock", header), "events");
  });
});
