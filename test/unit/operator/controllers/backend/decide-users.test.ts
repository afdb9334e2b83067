import assert from "node:assert/strict";
import { parseBackendSpec } from "#api/resources/backend.ts";
import type { BackendFacts } from "#operator/conditions/backend-facts.ts";
import type { BackendView } from "#operator/conditions/backend-reachable.ts";
import { decideUsers, type UsersSeen } from "#operator/controllers/backend/decide-users.ts";
import { accessName } from "#operator/etcd-admin/namespace-access.ts";
import type { AdminOutcome } from "#operator/etcd-admin/outcome.ts";
import type { EtcdView } from "#operator/etcd-admin/view.ts";

const done = <T>(value: T) => ({ kind: "done", value }) as const;
const denied = { kind: "refused", reason: "permission", message: "permission denied" } as const;

interface Given {
  readonly by?: object;
  readonly rights?: AdminOutcome<readonly string[]>;
  readonly usersOn?: boolean;
  readonly tree?: BackendView;
}

const passwords = { passwords: true };
const certificates = { passwords: false, issuer: { name: "issuer" } };

function facts({
  by = passwords,
  rights = done([accessName("a"), accessName("b")]),
  usersOn = true,
  tree = { kind: "reachable" },
}: Given = {}): BackendFacts {
  const external = { endpoints: ["https://m1:2379"], adminSecret: { name: "admin" }, ...by };
  const spec = parseBackendSpec({ type: "etcd", external }, "spec");
  assert.ok(spec.ok);
  const etcd: EtcdView = {
    ...{ endpoints: [], members: done([]), alarms: done([]), quorum: done(undefined) },
    ...{ auth: done(usersOn), authRevision: done(1n), rights },
  };
  return {
    ...{ used: true, operatorNamespace: "holdfast", spec, secrets: { kind: "read" } },
    ...{ etcd, tree, usersFailed: [] },
  };
}

const seen = (more: Partial<UsersSeen> = {}): UsersSeen => ({
  inUse: new Set(["a"]),
  uids: new Map([
    ["a", "1"],
    ["b", "2"],
  ]),
  isServed: () => true,
  secrets: [],
  seenLately: new Set<string>(),
  taken: new Map(),
  notOurs: new Set(),
  ...more,
});
const none = { make: [], look: [], remove: [], orphans: [] };
const ofA = { namespace: "a", password: "p", uid: "1" };
const looked = { ...ofA, check: true, dropSecret: false, isNew: false };
const taken = new Map([["a", "p"]]);
const seenLately = new Set(["a"]);

describe("the users of namespaces", () => {
  const cases: readonly (readonly [string, UsersSeen, object])[] = [
    [
      "made where one is needed and there is no Secret",
      seen(),
      { ...none, make: [{ namespace: "a", uid: "1" }] },
    ],
    ["not made before the namespace's uid is known", seen({ uids: new Map([["b", "2"]]) }), none],
    [
      "looked at, and etcd is asked about the password, where there is a Secret",
      seen({ secrets: [ofA] }),
      { ...none, look: [looked] },
    ],
    [
      "looked at without a login where etcd is known to take the password",
      seen({ secrets: [ofA], taken }),
      { ...none, look: [{ ...looked, check: false }] },
    ],
    [
      "asked about again where the Secret has another password than etcd is known to take",
      seen({ secrets: [ofA], taken: new Map([["a", "q"]]), seenLately }),
      { ...none, look: [looked] },
    ],
    [
      "left alone where they were seen lately, and their password is known to be taken",
      seen({ secrets: [ofA], taken, seenLately }),
      none,
    ],
    [
      "made anew where the Secret has no password",
      seen({ secrets: [{ ...ofA, password: undefined }] }),
      { ...none, make: [{ namespace: "a", uid: "1" }] },
    ],
    [
      "made anew where the namespace is another than the one of which the password was",
      seen({ secrets: [{ ...ofA, uid: "0" }], taken, seenLately }),
      { ...none, make: [{ namespace: "a", uid: "1" }] },
    ],
    [
      "kept while the namespace exists",
      seen({ inUse: new Set(), secrets: [{ namespace: "b", password: "p", uid: "2" }] }),
      { ...none, look: [{ ...looked, namespace: "b", uid: "2" }] },
    ],
    [
      "kept while a resource is there, whatever is known of the namespace",
      seen({ uids: new Map(), secrets: [ofA], taken, seenLately }),
      { ...none, orphans: [accessName("b")] },
    ],
    [
      "kept where the namespace is none that is looked after",
      seen({
        ...{ inUse: new Set<string>(), secrets: [{ ...ofA, namespace: "c" }] },
        ...{ isServed: (namespace) => namespace !== "c", seenLately: new Set(["c"]) },
        taken: new Map([["c", "p"]]),
      }),
      none,
    ],
    [
      "removed when both are gone",
      seen({ inUse: new Set(), secrets: [{ ...ofA, namespace: "c" }] }),
      { ...none, remove: ["c"] },
    ],
  ];
  for (const [what, given, expected] of cases)
    it(`are ${what}`, () => {
      assert.deepEqual(decideUsers(facts(), given), expected);
    });

  it("are not touched where etcd, its owner or the spec does not let us", () => {
    const silent = { kind: "unknown", message: "no answer" } as const;
    const foreign = { kind: "foreign", message: "it belongs to another" } as const;
    for (const given of [
      ...[{ rights: denied }, { rights: silent }, { by: { passwords: false } }],
      ...[{ tree: foreign }, { tree: { kind: "connecting" } as const }],
    ])
      assert.deepEqual(decideUsers(facts(given), seen()), none);
  });

  it("are asked about five at a time, and not at all while users are off", () => {
    const names = Array.from({ length: 12 }, (_, at) => `n${at}`);
    const secrets = names.map((namespace) => ({ namespace, password: "p", uid: namespace }));
    const uids = new Map(names.map((name) => [name, name]));
    const many = seen({ inUse: new Set(names), uids, secrets, seenLately: new Set(names) });
    const { look } = decideUsers(facts(), many);
    assert.deepEqual(
      look.map(({ check }) => check),
      [true, true, true, true, true],
    );
    assert.deepEqual(decideUsers(facts({ usersOn: false }), many).look, []);
  });

  it("that no namespace has are looked into, but for those of others", () => {
    const roles = ["root", "theirs", accessName("a"), accessName("b"), "ns:gone", "ns:theirs"];
    const given = seen({ secrets: [ofA], taken, seenLately, notOurs: new Set(["ns:theirs"]) });
    const plan = decideUsers(facts({ rights: done(roles) }), given);
    assert.deepEqual(plan, { ...none, orphans: ["ns:gone"] });
  });

  describe("that come with certificates", () => {
    const by = certificates;
    const user = { ...looked, password: undefined };

    it("are made without a Secret, those that etcd does not have first", () => {
      const inUse = new Set(["a", "b"]);
      const plan = decideUsers(facts({ by, rights: done([accessName("a")]) }), seen({ inUse }));
      const ofB = { ...user, namespace: "b", uid: "2", isNew: true };
      assert.deepEqual(plan, { ...none, look: [ofB, user] });
    });

    it("lose the password and the Secret that they had, also where nothing of theirs is in use", () => {
      const given = seen({ inUse: new Set(), secrets: [ofA], seenLately });
      const plan = decideUsers(facts({ by }), given);
      assert.deepEqual(plan, { ...none, look: [{ ...user, dropSecret: true }] });
    });

    it("are left alone where they were seen lately and are known to have no password", () => {
      const given = seen({ seenLately, taken: new Map([["a", undefined]]) });
      assert.deepEqual(decideUsers(facts({ by }), given), none);
    });
  });
});
