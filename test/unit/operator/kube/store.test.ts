/** Lines, objects and the store: what needs no server. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { outcomeOfStatus, outcomeOfStatusObject, reasonText } from "#operator/kube/errors.ts";
import { HalfLine, linesOf, LineTooLong } from "#operator/kube/lines.ts";
import {
  collectionPath,
  isNewer,
  keyOf,
  nameOfKey,
  objectKey,
  objectPath,
  readObject,
  withoutManagedFields,
} from "#operator/kube/objects.ts";
import { Store, type Change } from "#operator/kube/store.ts";
import { key, queueObject, queues } from "#test/support/kube/stage.ts";
import { statusObject } from "#test/support/kube/scripted-server.ts";

async function* chunksOf(...texts: string[]): AsyncIterable<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const got: string[] = [];
  for await (const line of lines) got.push(line);
  return got;
}

const said = (changes: readonly Change[]): string[] =>
  changes.map(({ kind, key: of }) => `${kind} ${of}`);

describe("lines of a stream", () => {
  it("are the same however the stream is cut, also within a character", async () => {
    const line = fc
      .string({ unit: "grapheme", minLength: 1 })
      .filter((text) => !text.includes("\n"));
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.integer({ min: 1, max: 7 }), async (lines, size) => {
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(""));
        async function* cut(): AsyncIterable<Uint8Array> {
          for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
        }
        const expected = lines.map((text) => Buffer.from(text).toString());
        assert.deepEqual(await all(linesOf(cut())), expected);
      }),
    );
  });

  it("are bounded", async () => {
    assert.deepEqual(await all(linesOf(chunksOf("1234\n", "12", "34\n"), 4)), ["1234", "1234"]);
    await assert.rejects(all(linesOf(chunksOf("12", "345\n"), 4)), LineTooLong);
    await assert.rejects(all(linesOf(chunksOf("12", "345"), 4)), LineTooLong);
  });

  it("do not end within one", async () => {
    await assert.rejects(all(linesOf(chunksOf("a\nb"))), HalfLine);
    assert.deepEqual(await all(linesOf(chunksOf("a\n", "\n", "b\n"))), ["a", "b"]);
  });
});

describe("objects", () => {
  it("have paths", () => {
    assert.equal(collectionPath(queues), "/apis/holdfast.dev/v1alpha1/queues");
    assert.equal(
      objectPath(queues, { namespace: "shop", name: "a/b" }, "status"),
      "/apis/holdfast.dev/v1alpha1/namespaces/shop/queues/a%2Fb/status",
    );
    const pods = { ...queues, group: "", version: "v1", plural: "pods" };
    assert.equal(collectionPath(pods, "shop"), "/api/v1/namespaces/shop/pods");
  });

  it("have keys that name them", () => {
    for (const name of [{ name: "node" }, { namespace: "shop", name: "a.b" }])
      assert.deepEqual(nameOfKey(objectKey(name)), name);
    assert.equal(keyOf(queueObject({ name: "a", version: 1 })), "shop/a");
  });

  it("are read with their kind, whether or not they say it, and with all their fields", () => {
    const { apiVersion, kind, ...bare } = queueObject({ name: "a", version: 1 });
    const read = readObject({ ...bare, "x-new": { deep: [1] } }, queues);
    assert.deepEqual(read, { ...bare, apiVersion, kind, "x-new": { deep: [1] } });
  });

  it("are none without name, uid, version or namespace", () => {
    const object = queueObject({ name: "a", version: 1 });
    for (const field of ["name", "uid", "resourceVersion", "namespace"])
      assert.equal(
        readObject({ ...object, metadata: { ...object.metadata, [field]: "" } }, queues),
        undefined,
      );
    for (const value of [undefined, null, 7, [], "a"])
      assert.equal(readObject(value, queues), undefined);
  });

  it("lose their managedFields and nothing else", () => {
    const object = queueObject({ name: "a", version: 1, labels: { x: "y" } });
    const managed = { ...object, metadata: { ...object.metadata, managedFields: [{}] } };
    assert.deepEqual(withoutManagedFields(managed), object);
    assert.equal(withoutManagedFields(object), object);
  });

  it("have versions that are compared as numbers, or not at all", () => {
    assert.equal(isNewer("10", "9"), true);
    assert.equal(isNewer("9", "10"), false);
    assert.equal(isNewer("9", "9"), false);
    assert.equal(isNewer("9007199254740993", "9007199254740992"), true);
    assert.equal(isNewer("a", "9"), undefined);
    assert.equal(isNewer("1", ""), undefined);
  });
});

describe("what an API server says", () => {
  it("is one of a closed list", () => {
    const reasons = Object.fromEntries(
      [400, 401, 403, 404, 409, 410, 413, 418, 422, 429].map((code) => {
        const outcome = outcomeOfStatus(code, statusObject(code, "X"));
        return [code, outcome.kind === "refused" ? outcome.refusal.reason : "unknown"];
      }),
    );
    assert.deepEqual(reasons, {
      400: "badRequest",
      401: "unauthorized",
      403: "forbidden",
      404: "notFound",
      409: "conflict",
      410: "expired",
      413: "tooLarge",
      418: "other",
      422: "invalid",
      429: "tooMany",
    });
    const exists = outcomeOfStatus(409, statusObject(409, "AlreadyExists"));
    assert.ok(exists.kind === "refused" && exists.refusal.reason === "alreadyExists");
    assert.equal(outcomeOfStatus(500, "").kind, "unknown");
  });

  it("may name a time to come back, in a header or in the Status, within bounds", () => {
    const wait = (body: unknown, header?: string) => {
      const outcome = outcomeOfStatus(429, body, header);
      return outcome.kind === "refused" ? outcome.refusal.retryAfterMs : undefined;
    };
    assert.equal(wait("", "2"), 2_000);
    assert.equal(wait({ details: { retryAfterSeconds: 3 } }), 3_000);
    assert.equal(wait("", "86400"), 120_000);
    for (const odd of ["0", "-1", "soon", undefined]) assert.equal(wait("", odd), undefined);
  });

  it("is no success, whatever an ERROR of a watch carries", () => {
    for (const odd of [undefined, {}, { code: 0 }, { code: 200 }])
      assert.equal(outcomeOfStatusObject(odd).kind, "unknown");
    assert.equal(
      reasonText(outcomeOfStatusObject(statusObject(410, "Expired", "too old"))),
      "expired (410): too old",
    );
  });
});

describe("the store", () => {
  const a = (version: number, uid?: string) =>
    queueObject({ name: "a", version, ...(uid !== undefined && { uid }) });
  const b = (version: number) => queueObject({ name: "b", version });

  it("tells what a list changed, and nothing of what is the same", () => {
    const store = new Store();
    assert.deepEqual(said(store.replace({ objects: [a(1), b(2)], resourceVersion: "5" })), [
      "added shop/a",
      "added shop/b",
    ]);
    assert.deepEqual(store.replace({ objects: [a(1), b(2)], resourceVersion: "6" }), []);
    const changes = store.replace({ objects: [b(7)], resourceVersion: "8" });
    assert.deepEqual(changes, [
      { kind: "deleted", key: "shop/a", was: a(1), seen: false },
      { kind: "changed", key: "shop/b", was: b(2), now: b(7) },
    ]);
    assert.equal(store.resourceVersion, "8");
    assert.equal(store.size, 1);
  });

  it("takes what was made anew under a name for another object", () => {
    const store = new Store();
    store.replace({ objects: [a(1, "first")], resourceVersion: "1" });
    assert.deepEqual(store.replace({ objects: [a(9, "second")], resourceVersion: "9" }), [
      { kind: "deleted", key: "shop/a", was: a(1, "first"), seen: false },
      { kind: "added", key: "shop/a", now: a(9, "second") },
    ]);
    assert.deepEqual(said(store.take("added", a(12, "third"))), ["deleted shop/a", "added shop/a"]);
  });

  it("keeps the last state of what was deleted", () => {
    const store = new Store();
    store.replace({ objects: [a(1)], resourceVersion: "1" });
    assert.deepEqual(store.take("deleted", a(4)), [
      { kind: "deleted", key: "shop/a", was: a(4), seen: true },
    ]);
    assert.deepEqual(store.take("deleted", a(5)), []);
  });

  it("does not take the end of another object for the end of the one it was told of", () => {
    const store = new Store();
    store.replace({ objects: [a(1, "first")], resourceVersion: "1" });
    assert.deepEqual(store.take("deleted", a(4, "second")), [
      { kind: "deleted", key: "shop/a", was: a(1, "first"), seen: false },
    ]);
  });

  it("goes back for no event, and for a list only", () => {
    const store = new Store();
    store.replace({ objects: [a(10)], resourceVersion: "20" });
    for (const type of ["added", "modified", "deleted"] as const)
      assert.deepEqual(store.take(type, a(20)), []);
    assert.equal(store.get(key("shop/a")), store.get(key("shop/a")));
    store.reached("30");
    store.reached("25");
    assert.equal(store.resourceVersion, "30");
    assert.deepEqual(store.take("modified", a(29)), []);
    assert.deepEqual(said(store.take("modified", a(31))), ["changed shop/a"]);
    store.replace({ objects: [a(3)], resourceVersion: "4" });
    assert.equal(store.resourceVersion, "4", "etcd was restored from a backup");
    assert.deepEqual(said(store.take("modified", a(5))), ["changed shop/a"]);
  });

  it("takes versions that are no numbers as they come", () => {
    const store = new Store();
    store.replace({ objects: [], resourceVersion: "abc" });
    const odd = { ...a(1), metadata: { ...a(1).metadata, resourceVersion: "abd" } };
    assert.deepEqual(said(store.take("added", odd)), ["added shop/a"]);
    store.reached("xyz");
    assert.equal(store.resourceVersion, "xyz");
  });

  it("finds by index what is there now", () => {
    const store = new Store({ tier: (object) => Object.values(object.metadata.labels ?? {}) });
    const tier = (version: number, value: string) =>
      queueObject({ name: "a", version, labels: { tier: value } });
    store.replace({ objects: [tier(1, "gold"), b(2)], resourceVersion: "2" });
    assert.deepEqual(store.indexed("tier", "gold"), [tier(1, "gold")]);
    store.take("modified", tier(3, "tin"));
    assert.deepEqual(store.indexed("tier", "gold"), []);
    assert.deepEqual(store.indexed("tier", "tin"), [tier(3, "tin")]);
    store.take("deleted", tier(4, "tin"));
    assert.deepEqual(store.indexed("tier", "tin"), []);
    assert.throws(() => store.indexed("colour", "red"), RangeError);
  });
});
