import assert from "node:assert/strict";
import { operations } from "#api/operations/operations.ts";
import { problemBody, problemFacts } from "#api/operations/problem-body.ts";
import { problems } from "#api/problems.ts";

describe("a problem's body", () => {
  it("is RFC 9457's, with a code and the facts", () => {
    assert.deepEqual(problemBody("lock_held", "Lock 'orders/42' is held.", { waiting: 2 }), {
      type: "urn:holdfast:problem:lock_held",
      title: "The lock is held",
      status: 423,
      detail: "Lock 'orders/42' is held.",
      code: "lock_held",
      waiting: 2,
    });
  });

  it("says the truth about its status and code whatever the facts are", () => {
    const body = problemBody("internal", "It failed.", { status: 200, code: "fine", type: "x" });
    assert.deepEqual(
      [body.status, body.code, body.type],
      [500, "internal", "urn:holdfast:problem:internal"],
    );
  });
});

describe("the problems", () => {
  it("are titled, advised, and have a status of an error", () => {
    for (const [code, { status, title, advice }] of Object.entries(problems)) {
      assert.match(code, /^[a-z_]+$/);
      assert.ok(status >= 400 && status < 600, code);
      assert.match(title, /^(etcd|[A-Z])[^.]*$/, code);
      assert.match(advice, /^[A-Z].*\.$/, code);
    }
  });

  it("that operations and facts name are all known", () => {
    const named = Object.values(operations).flatMap(
      (operation): readonly string[] => operation.problems,
    );
    for (const code of [...named, ...Object.keys(problemFacts)]) assert.ok(code in problems, code);
  });
});
