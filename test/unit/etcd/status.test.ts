import assert from "node:assert/strict";
import type { Failure } from "#etcd/http2/call.ts";
import { verdictOn, watchCancelMeans } from "#etcd/status.ts";

/** gRPC status, etcd's text → what it means. The texts are etcd's own. */
const table: readonly (readonly [number, string, string])[] = [
  [3, "etcdserver: duplicate key given in txn request", "refused invalidArgument"],
  [3, "etcdserver: too many operations in txn request", "refused invalidArgument"],
  [3, "etcdserver: request is too large", "refused invalidArgument"],
  [3, "etcdserver: revision of auth store is old", "again staleAuth"],
  [3, "etcdserver: user name is empty", "again badToken"],
  [5, "etcdserver: requested lease not found", "refused leaseNotFound"],
  [5, "etcdserver: member not found", "unknown noAnswer"],
  [7, "etcdserver: permission denied", "refused permissionDenied"],
  [8, "etcdserver: mvcc: database space exceeded", "refused noSpace"],
  [8, "etcdserver: too many requests", "refused overloaded"],
  // Said of an *answer* that is too large, when the write is done.
  [8, "grpc: trying to send message larger than max (9 vs. 8)", "unknown noAnswer"],
  [11, "etcdserver: mvcc: required revision has been compacted", "refused compacted"],
  [11, "etcdserver: mvcc: required revision is a future revision", "unknown noAnswer"],
  [16, "etcdserver: invalid auth token", "again badToken"],
  [1, "etcdserver: request canceled", "unknown cancelled"],
  [4, "etcdserver: context deadline exceeded", "unknown deadline"],
  [14, "etcdserver: request timed out", "unknown unavailable"],
  [14, "etcdserver: leader changed", "unknown unavailable"],
  [14, "etcdserver: server stopped", "unknown unavailable"],
  [14, "etcdserver: no leader", "unknown unavailable"],
  [
    14,
    "etcdserver: request timed out, waiting for the applied index took too long",
    "unknown unavailable",
  ],
  [2, "unsupported transaction", "unknown noAnswer"],
  [9, "etcdserver: not capable", "unknown noAnswer"],
  [10, "", "unknown noAnswer"],
  [12, "unknown service etcdserverpb.KV", "unknown noAnswer"],
  [13, "internal", "unknown noAnswer"],
  [15, "etcdserver: corrupt cluster", "unknown noAnswer"],
  [99, "a number of some later day", "unknown noAnswer"],
];

describe("what a call without an answer means", () => {
  for (const [code, message, meaning] of table) {
    it(`is '${meaning}' for status ${code} '${message}'`, () => {
      assert.equal(said({ kind: "status", code, message }), meaning);
    });
  }

  it("is 'not sent' only where nothing left, or the server says that it looked at nothing", () => {
    assert.equal(said({ kind: "notSent", message: "" }), "refused notSent");
    assert.equal(said({ kind: "broken", message: "" }), "unknown noAnswer");
    assert.equal(said({ kind: "silent", message: "" }), "unknown noAnswer");
  });
});

describe("a watch that the server cancelled", () => {
  it("is not made anew where it is not permitted", () => {
    const reason = "rpc error: code = PermissionDenied desc = etcdserver: permission denied";
    assert.equal(watchCancelMeans(reason), undefined);
  });

  it("needs a login where the token or the users are not what they were", () => {
    for (const reason of ["invalid auth token", "revision of auth store is old"]) {
      assert.equal(watchCancelMeans(`rpc error: desc = etcdserver: ${reason}`), "badToken");
    }
  });

  it("is made anew for any other reason", () => {
    assert.equal(watchCancelMeans(""), "retry");
  });
});

function said(failure: Failure): string {
  const verdict = verdictOn(failure);
  const what = verdict.kind === "again" ? verdict.reason : verdict.reason.code;
  return `${verdict.kind} ${what}`;
}
