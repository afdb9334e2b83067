import assert from "node:assert/strict";
import { STATUS_CODES } from "node:http";
import { describe, it } from "mocha";
import { problems } from "#api/problems.ts";
import { statusWords } from "#host/http/status.ts";

describe("the words of a status", () => {
  it("are Node's, for each status that we send", () => {
    for (const { status } of [...Object.values(problems), { status: 200 }, { status: 204 }])
      assert.equal(statusWords[status], STATUS_CODES[status], String(status));
  });
});
