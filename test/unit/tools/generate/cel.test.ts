import assert from "node:assert/strict";
import { duration, integer, list, object, text } from "#api/fields.ts";
import { distributedLock } from "#api/resources/distributed-lock.ts";
import type { ResourceKind } from "#api/resources/kind.ts";
import { crossRulesOf, rulesOf } from "#tools/generate/cel.ts";

const about = "It is.";
const spec = object({
  about,
  fields: {
    least: integer({ about, default: 1, min: 1, max: 9 }),
    hosts: object({
      about,
      optional: true,
      fields: { names: list({ about, items: text({ about, form: "label" }), itemsMax: 3 }) },
    }),
  },
});

function ruleOf(cel: string): string | undefined {
  const rule = { cel, holds: () => true, field: "least", reason: "is wrong", fix: "mend it" };
  const example = { name: "any", spec: {} };
  const kind: ResourceKind<typeof spec> = { ...distributedLock, spec, rules: [rule], example };
  return crossRulesOf(kind)[0]?.rule;
}

describe("a rule in CEL", () => {
  it("between fields is asked only where each of them is well-formed by itself", () => {
    assert.equal(
      ruleOf("!has(self.hosts) || size(self.hosts.names) >= self.least"),
      "(!has(self.hosts) || self.hosts.names.all(item, item.matches(r'^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'))) && self.least >= 1 && self.least <= 9 ? !has(self.hosts) || size(self.hosts.names) >= self.least : true",
    );
  });

  it("that reads nothing that could be malformed stays as it is", () => {
    assert.equal(ruleOf("has(self.hosts)"), "has(self.hosts)");
  });

  it("reads only fields that there are", () => {
    assert.throws(() => ruleOf("self.most > 1"), /self\.most: the spec has no such field/);
  });

  it("on a duration says how one is written, and has one that CEL can compare", () => {
    const [rule] = rulesOf(duration({ about, min: "1s", max: "1m" }));
    assert.equal(
      rule?.message,
      "must be a duration from 1s to 1m; write it as in 500ms, 30s or 1h30m",
    );
    assert.throws(
      () => rulesOf(duration({ about, min: "1s", max: "99999h" })),
      /cannot compare durations up to 99999h/,
    );
  });
});
