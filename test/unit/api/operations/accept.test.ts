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
  ];
  for (const [header, form] of acquires) {
    it(`'${header ?? "(none)"}' on an acquire is answered as ${form}`, () => {
      assert.deepEqual(acceptedForm("acquireLock", header), { ok: true, form });
    });
  }

  it("cannot ask for text where there is none", () => {
    assert.deepEqual(acceptedForm("getLock", "text/plain"), { ok: true, form: "json" });
  });

  it("that asks for a stream is refused, not answered with something else", () => {
    for (const header of ["text/event-stream", "application/json, text/event-stream;q=0.1"]) {
      const accepted = acceptedForm("acquireLock", header);
      assert.ok(!accepted.ok);
      assert.equal(accepted.problem.code, "not_supported");
      assert.equal(accepted.problem.field, "Accept");
    }
  });
});
