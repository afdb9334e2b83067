import assert from "node:assert/strict";
import { describeProblem } from "#api/fields/read.ts";
import { backend, parseBackendSpec } from "#api/resources/backend.ts";
import { forbiddenChanges } from "#api/resources/kind.ts";

const endpoints = ["https://etcd-0.etcd:2379"];
const external = (more: object = {}) => ({ type: "etcd", external: { endpoints, ...more } });

function told(spec: unknown): string[] {
  const read = parseBackendSpec(spec, "spec");
  return read.ok ? [] : read.problems.map(describeProblem);
}

describe("a Backend's spec", () => {
  it("has the documented defaults: nobody's passwords, no maintenance, no bounds", () => {
    assert.deepEqual(parseBackendSpec(external({ ca: { name: "etcd" } }), "spec"), {
      ok: true,
      spec: {
        type: "etcd",
        external: {
          endpoints,
          ca: { name: "etcd", key: "ca.crt" },
          passwords: false,
          maintenance: false,
        },
        limits: {},
      },
    });
  });

  it("refuses by name what is not built yet", () => {
    assert.deepEqual(told({ type: "etcd", managed: { members: 3 } }), [
      "spec.managed.members: '3' is not supported yet by this version; use '1'",
    ]);
    assert.deepEqual(
      told({ ...external(), limits: { bytesPerNamespace: 1_048_576, sidecars: 200 } }),
      [
        "spec.limits.bytesPerNamespace: '1048576' is not supported yet by this version; leave it out",
        "spec.limits.sidecars: '200' is not supported yet by this version; leave it out",
      ],
    );
    assert.deepEqual(told({ ...external(), type: "nats" }), [
      "spec.type: 'nats' is not supported yet by this version; use 'etcd'",
    ]);
  });

  const admin = { adminSecret: { name: "admin" } };
  const broken: readonly (readonly [string, unknown, RegExp])[] = [
    ["neither external nor managed", { type: "etcd" }, /^spec\.external: .*write one of the two$/],
    ["no endpoint", external({ endpoints: [] }), /endpoints: has 0 items; use at least 1$/],
    [
      "17 endpoints",
      external({ endpoints: Array<string>(17).fill("http://a:1") }),
      /endpoints: has 17 items; use at most 16$/,
    ],
    [
      "no port",
      external({ endpoints: ["http://etcd"] }),
      /endpoints\[0\]: .*scheme, host and port/,
    ],
    ...["http://etcd:65536", "http://etcd:99999", "http://1.2.3.999:2379", "http://[1]:2379"].map(
      (endpoint) =>
        [endpoint, external({ endpoints: [endpoint] }), /endpoints\[0\]: .*scheme, host/] as const,
    ),
    ["a path", external({ endpoints: ["http://etcd:2379/v3"] }), /endpoints\[0\]: /],
    [
      "both schemes",
      external({ endpoints: ["http://a:1", "https://b:1"] }),
      /^spec\.external\.endpoints: some are http/,
    ],
    [
      "an authority of http",
      external({ endpoints: ["http://a:1"], ca: { name: "etcd" } }),
      /^spec\.external\.ca: is of no use/,
    ],
    [
      "passwords without an admin",
      external({ passwords: true }),
      /^spec\.external\.passwords: without adminSecret/,
    ],
  ];
  for (const [what, spec, expected] of broken) {
    it(`refuses ${what}, in words that say what to do`, () => {
      const [first = ""] = told(spec);
      assert.match(first, expected);
    });
  }

  it("takes IPv6, and passwords with an admin", () => {
    assert.deepEqual(told(external({ endpoints: ["http://[::1]:2379"] })), []);
    assert.deepEqual(told(external({ passwords: true, ...admin })), []);
  });

  // As long as the field is refused by name, nobody gets as far as this rule but the API server.
  it("bounds the sidecars that come with passwords", () => {
    const rule = backend.rules.find(({ field }) => field === "limits.sidecars");
    const holds = (passwords: boolean, sidecars: number) =>
      rule?.holds({
        type: "etcd",
        external: { endpoints, passwords, maintenance: false },
        limits: { sidecars },
      });
    assert.deepEqual(
      [holds(true, 200), holds(true, 201), holds(false, 5_000)],
      [true, false, true],
    );
  });

  it("keeps its type once it is made", () => {
    const specs = { before: { type: "etcd" }, after: { type: "nats" } };
    const [problem] = forbiddenChanges(backend.spec, specs, "spec");
    assert.equal(problem?.field, "spec.type");
  });
});
