import assert from "node:assert/strict";
import { parseBackendSpec } from "#api/resources/backend.ts";
import type { BackendFacts } from "#operator/conditions/backend-facts.ts";
import type { ManagedFacts } from "#operator/conditions/managed-facts.ts";
import {
  backendAspects,
  decideConditions,
  decideNumbers,
} from "#operator/controllers/backend/decide.ts";
import { interpret } from "#operator/etcd-admin/outcome.ts";
import type { EtcdView, MemberStatus } from "#operator/etcd-admin/view.ts";

const done = <T>(value: T) => ({ kind: "done", value }) as const;
const silent = { kind: "unknown", message: "14 UNAVAILABLE: No connection established" } as const;
const denied = { kind: "refused", reason: "permission", message: "permission denied" } as const;

function member(id: string, more: Partial<MemberStatus> = {}) {
  const status = {
    ...{ member: id, version: "3.7.3", leader: "1", learner: false },
    ...{ sizeBytes: 100, inUseBytes: 50, errors: [], ...more },
  };
  return { endpoint: `https://m${id}:2379`, status: done(status) };
}
const down = (id: string) => ({ endpoint: `https://m${id}:2379`, status: silent });
const list = (...ids: string[]) =>
  done(ids.map((id) => ({ id, name: `m${id}`, learner: id === "9" })));

const well: EtcdView = {
  endpoints: [member("1"), member("2"), member("3")],
  members: list("1", "2", "3"),
  alarms: done([]),
  auth: done(true),
  authRevision: done(7n),
  rights: done([]),
  quorum: done(undefined),
};
const spec = (more: object = {}) =>
  parseBackendSpec(
    {
      type: "etcd",
      external: {
        endpoints: ["https://m1:2379"],
        passwords: true,
        adminSecret: { name: "admin" },
        ...more,
      },
    },
    "spec",
  );

function facts(
  etcd: Partial<EtcdView> | undefined = {},
  more: Partial<BackendFacts> = {},
): BackendFacts {
  return {
    ...{ used: true, operatorNamespace: "holdfast", spec: spec(), usersFailed: [] },
    tree: { kind: "reachable" },
    secrets: { kind: "read" },
    etcd: etcd === undefined ? undefined : { ...well, ...etcd },
    ...more,
  };
}

const said = (given: BackendFacts) =>
  Object.fromEntries(
    decideConditions(given).map(({ type, status, reason }) => [type, `${status} ${reason}`]),
  );

/** What is otherwise as in the first row. */
const rows: readonly (readonly [string, BackendFacts, Readonly<Record<string, string>>])[] = [
  ["all is well", facts(), {}],
  [
    "the Secret is missing",
    facts(undefined, { etcd: undefined, secrets: { kind: "missing", what: "It is not there." } }),
    {
      Reachable: "False SecretMissing",
      VersionSupported: "Unknown NotAsked",
      Healthy: "Unknown NotAsked",
      Authorized: "Unknown NotAsked",
      Isolated: "Unknown NotAsked",
      HighlyAvailable: "Unknown NotAsked",
      Ready: "False NotReachable",
    },
  ],
  [
    "one member of three is down",
    facts({ endpoints: [member("1"), member("2"), down("3")] }),
    { Healthy: "False MembersDown", HighlyAvailable: "False NoMemberToLose" },
  ],
  [
    "one of five is down",
    facts({
      endpoints: [member("1"), member("2"), member("3"), member("4"), down("5")],
      members: list("1", "2", "3", "4", "5"),
    }),
    { Healthy: "False MembersDown" },
  ],
  [
    "a learner stands beside one member",
    facts({ endpoints: [member("1")], members: list("1", "9") }),
    { HighlyAvailable: "False TooFewMembers" },
  ],
  [
    "the quorum is lost",
    facts({ endpoints: [member("1", { leader: "0" }), down("2"), down("3")], quorum: silent }),
    {
      Healthy: "False NoQuorum",
      HighlyAvailable: "False NoMemberToLose",
      Ready: "False NotHealthy",
    },
  ],
  [
    "the quota is used up",
    facts({ alarms: done([{ member: "1", kind: "NOSPACE" }]) }),
    { Healthy: "False SpaceExhausted", Ready: "False NotHealthy" },
  ],
  [
    "a member is corrupt, and that comes first",
    facts({
      alarms: done([
        { member: "1", kind: "NOSPACE" },
        { member: "2", kind: "CORRUPT" },
      ]),
    }),
    { Healthy: "False Corrupt", Ready: "False NotHealthy" },
  ],
  [
    "one member is of an older version",
    facts({ endpoints: [member("1"), member("2", { version: "3.6.9" }), member("3")] }),
    { VersionSupported: "True KnownFaults" },
  ],
  [
    "the version is too old for exclusion",
    facts({ endpoints: [member("1", { version: "3.4.30" }), member("2"), member("3")] }),
    { VersionSupported: "False ExclusionNotProven", Ready: "False VersionNotSupported" },
  ],
  [
    "the version is no version",
    facts({ endpoints: [member("1", { version: "latest" }), member("2"), member("3")] }),
    { VersionSupported: "False VersionUnknown", Ready: "False VersionNotSupported" },
  ],
  [
    "it is kine",
    facts({ quorum: { kind: "refused", reason: "notSupported", message: "unsupported" } }),
    { VersionSupported: "False NotEtcd", Ready: "False VersionNotSupported" },
  ],
  [
    "the admin is none",
    facts({ rights: denied }),
    // Users are not even counted then: that they stand would be a guess.
    {
      Authorized: "False RightsMissing",
      Isolated: "Unknown NotAsked",
      Ready: "False NotAuthorized",
    },
  ],
  [
    "the spec tree is somebody else's",
    facts({}, { tree: { kind: "foreign", message: "it belongs to 'b'" } }),
    {
      Authorized: "False ForeignOwner",
      Isolated: "Unknown NotAsked",
      Ready: "False NotAuthorized",
    },
  ],
  ["users are off", facts({ auth: done(false) }), { Isolated: "False AuthOff" }],
  [
    "no passwords are wanted",
    facts({}, { spec: spec({ passwords: false }) }),
    { Isolated: "False NoUsers" },
  ],
  [
    "sidecars come with certificates",
    facts({}, { spec: spec({ passwords: false, issuer: { name: "issuer" } }) }),
    {},
  ],
  [
    "a user could not be made",
    facts({}, { usersFailed: ["a: why"] }),
    { Isolated: "False UsersNotMade" },
  ],
];

describe("the conditions of a Backend", () => {
  const fine = {
    Accepted: "True Accepted",
    Reachable: "True Reachable",
    VersionSupported: "True Supported",
    Healthy: "True Healthy",
    Authorized: "True Authorized",
    Isolated: "True Isolated",
    HighlyAvailable: "True HighlyAvailable",
    Ready: "True Ready",
  };
  for (const [what, given, expected] of rows) {
    it(`where ${what}`, () => {
      assert.deepEqual(said(given), { ...fine, ...expected });
    });
  }

  const unreachable: readonly (readonly [string, string])[] = [
    ["14 UNAVAILABLE: connect ECONNREFUSED 127.0.0.1:1", "Unreachable"],
    [
      "14 UNAVAILABLE: Last error: self-signed certificate in certificate chain",
      "CertificateNotTrusted",
    ],
    ["3 INVALID_ARGUMENT: etcdserver: user name is empty", "CredentialsMissing"],
    ["etcdserver: authentication failed, invalid user ID or password", "CredentialsRefused"],
  ];
  for (const [message, reason] of unreachable) {
    it(`say ${reason} of '${message}', and keep the words`, () => {
      const status = interpret(new Error(message));
      const etcd = { endpoints: [{ endpoint: "https://m1:2379", status }] };
      const found = decideConditions(facts(etcd)).find(({ type }) => type === "Reachable");
      assert.equal(found?.reason, reason);
      assert.ok(found.message.includes(message));
    });
  }

  it("say the same twice of a failure whose words hold a time", () => {
    const failure = (time: string) =>
      interpret(
        new Error(
          `14 UNAVAILABLE: No connection established. Last error: 40CD53B9A57F0000:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:../deps/openssl/record/rec_layer_s3.c:918:SSL alert number 116\n (${time}). Resolution note: `,
        ),
      );
    assert.deepEqual(failure("2026-11-25T00:26:36.497Z"), failure("2026-11-25T00:26:37.001Z"));
    assert.deepEqual(failure("2026-11-25T00:26:36.497Z"), {
      kind: "refused",
      reason: "noCredentials",
      message:
        "14 UNAVAILABLE: No connection established. Last error: tlsv13 alert certificate required",
    });
  });

  it("say of one that is not used only that, and where the used one stands", () => {
    const given = facts(undefined, { used: false, etcd: undefined });
    assert.deepEqual(said(given), {
      Accepted: "False BackendNotSupported",
      Ready: "False NotAccepted",
    });
    assert.match(decideConditions(given)[0]?.message ?? "", /'default' in namespace 'holdfast'/);
  });

  it("tell what is not built yet from what is wrong", () => {
    const managed = parseBackendSpec({ type: "etcd", managed: { members: 3 } }, "spec");
    const wrong = parseBackendSpec({ type: "etcd" }, "spec");
    assert.equal(said(facts({}, { spec: managed }))["Accepted"], "False NotSupportedYet");
    assert.equal(said(facts({}, { spec: wrong }))["Accepted"], "False InvalidSpec");
  });

  describe("of one that the operator runs", () => {
    const managed = parseBackendSpec({ type: "etcd", managed: {} }, "spec");
    const runs: ManagedFacts = {
      ...{ problem: undefined, storageKept: undefined, trusted: true, claim: undefined },
      storage: { size: "8Gi", ephemeral: false },
      pod: {
        ...{ apiVersion: "v1", kind: "Pod" },
        metadata: { name: "holdfast-etcd-0", uid: "u", resourceVersion: "1" },
        status: {
          conditions: ["PodScheduled", "Ready"].map((type) => ({ type, status: "True" })),
        },
      },
    };
    const one = { endpoints: [member("1")], members: list("1") };
    const sayOf = (more: Partial<ManagedFacts>, etcd: Partial<EtcdView> = {}) =>
      said(facts({ ...one, ...etcd }, { spec: managed, managed: { ...runs, ...more } }));

    it("say that it runs, keeps its data, and is one", () => {
      const { Running, Durable, HighlyAvailable, Isolated, Ready } = sayOf({});
      assert.deepEqual([Running, Durable], ["True Running", "True Durable"]);
      assert.deepEqual([HighlyAvailable, Isolated], ["False TooFewMembers", "True Isolated"]);
      assert.equal(Ready, "True Ready");
    });

    it("say that it is not ready while sidecars are kept out", () => {
      const { Running, Ready, Isolated } = sayOf({ trusted: false }, { auth: done(false) });
      assert.deepEqual([Running, Ready], ["False SettingUp", "False NotRunning"]);
      assert.equal(Isolated, "Unknown NotAsked");
    });

    it("say that its data goes with its pod, and that it runs on another volume than is said", () => {
      const ephemeral = sayOf({ storage: { size: "8Gi", ephemeral: true } });
      assert.deepEqual(
        [ephemeral["Durable"], ephemeral["Ready"]],
        ["False Ephemeral", "True Ready"],
      );
      assert.equal(sayOf({ storageKept: "a volume of 1Gi" })["Running"], "True StorageKept");
    });

    it("say what keeps it from being made, whatever its pod does", () => {
      const problem = (kind: NonNullable<ManagedFacts["problem"]>["kind"]) =>
        sayOf({ problem: { kind, message: "Words." } })["Running"];
      assert.equal(problem("imageUnknown"), "False ImageUnknown");
      assert.equal(problem("authorityMissing"), "False AuthorityMissing");
      assert.equal(problem("objectsRefused"), "False ObjectsRefused");
      assert.equal(sayOf({ pod: undefined })["Running"], "False PodMissing");
    });

    it("say nothing of that of one that somebody else runs", () => {
      const { Running, Durable } = said(facts({}, { managed: { ...runs, pod: undefined } }));
      assert.deepEqual([Running, Durable], [undefined, undefined]);
    });
  });

  it("have no reason in two words, and none twice in one condition", () => {
    for (const { type, reasons } of backendAspects)
      for (const reason of [type, ...Object.keys(reasons)])
        assert.match(reason, /^[A-Z][A-Za-z]+$/);
  });
});

describe("the numbers of a Backend", () => {
  it("are the oldest version, the voting members and the largest file", () => {
    const etcd = {
      endpoints: [member("1", { version: "3.10.0", sizeBytes: 7 }), member("2"), down("3")],
      members: list("1", "2", "3", "9"),
    };
    assert.deepEqual(decideNumbers(facts(etcd), { quotaBytes: 1_000 }), {
      ...{ version: "3.7.3", members: 3, membersHealthy: 2, sizeBytes: 100, quotaBytes: 1_000 },
    });
  });

  it("have what is said of pods, whether or not etcd was asked", () => {
    const sidecars = { injected: 2, missing: 0, oldVersion: 0, oldTemplate: 0 };
    const unasked = facts(undefined, { etcd: undefined });
    assert.deepEqual(decideNumbers(unasked, { sidecars }), { sidecars });
    assert.deepEqual(decideNumbers(facts(), { sidecars }).sidecars, sidecars);
    assert.ok(!("sidecars" in decideNumbers(facts())));
  });
});
