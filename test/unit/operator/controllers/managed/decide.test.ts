import assert from "node:assert/strict";
import { parseBackendSpec } from "#api/resources/backend.ts";
import { decide, type Held, type Seen } from "#operator/controllers/managed/decide.ts";
import type { Standing } from "#operator/etcd-admin/standing.ts";
import { makeAuthority } from "#operator/identity/x509/certificate.ts";
import { apiVersionOf, type KubeObject } from "#operator/kube/objects.ts";
import { appliedOf, type Wanted } from "#operator/objects/wanted.ts";

const nowMs = Date.UTC(2026, 0, 1);
const dayMs = 86_400_000;
const installation = { name: "holdfast", namespace: "holdfast-system" };

function held(name: string): Held {
  const authority = makeAuthority(name, { fromMs: nowMs - dayMs, untilMs: nowMs + 3_650 * dayMs });
  return { authority, bundle: authority.certificate };
}
const authorities = { operator: held("operator"), clients: held("clients"), peers: held("peers") };

function managed(storage: object = {}) {
  const read = parseBackendSpec({ type: "etcd", managed: { storage } }, "spec");
  assert.ok(read.ok && read.spec.managed !== undefined);
  return read.spec.managed;
}

/** A cluster that does what it is told. */
class Cluster {
  readonly objects = new Map<string, KubeObject>();

  seen(more: Partial<Seen> = {}): Seen {
    return {
      ...{ spec: managed(), installation, image: "etcd:1", pod: {}, authorities, nowMs },
      ...{ standing: undefined, usersStandIn: undefined },
      object: (resource, name) => this.objects.get(`${resource.kind}/${name}`),
      ...more,
    };
  }

  apply(writes: readonly Wanted[]): void {
    for (const wanted of writes) {
      const { object, labels, annotations, fields } = appliedOf(wanted, installation.namespace);
      this.objects.set(`${wanted.resource.kind}/${wanted.name}`, {
        ...{ apiVersion: apiVersionOf(wanted.resource), kind: wanted.resource.kind },
        metadata: { ...object, labels, annotations, uid: "u", resourceVersion: "1" },
        ...structuredClone(fields),
      } as KubeObject);
    }
  }

  /** Names of what is written, and then it is. */
  pass(more: Partial<Seen> = {}): string[] {
    const { writes } = decide(this.seen(more));
    this.apply(writes);
    return writes.map(({ resource, name }) => `${resource.kind} ${name}`);
  }

  /** Until nothing is left to do. */
  settle(more: Partial<Seen> = {}): void {
    for (let passes = 0; this.pass(more).length > 0; passes++) assert.ok(passes < 3);
  }

  text(secret: string, key: string): string | undefined {
    const data = this.objects.get(`Secret/${secret}`)?.["data"] as Record<string, string>;
    const value = data[key];
    return value === undefined ? undefined : Buffer.from(value, "base64").toString();
  }
}

const a = "aaaaaaaaaaaaaaaa";
const b = "bbbbbbbbbbbbbbbb";
const prepared = (incarnation: string): Partial<Seen> => ({
  standing: { incarnation, usersOn: true, hasBase: true },
  usersStandIn: incarnation,
});
const all = [
  ...["server", "peer", "admin", "trust"].map((end) => `Secret holdfast-etcd-${end}`),
  ...["Service holdfast-etcd", "Service holdfast-etcd-peers", "StatefulSet holdfast-etcd"],
];
const rolled = ["Secret holdfast-etcd-trust", "StatefulSet holdfast-etcd"];

describe("what is made of an etcd that the operator runs", () => {
  it("is all of it, the Secrets before what mounts them, and nothing in a second pass", () => {
    const cluster = new Cluster();
    assert.deepEqual(cluster.pass(), all);
    assert.deepEqual(cluster.pass(), []);
  });

  it("trusts nobody but the operator until users, rights and base stand in this very data", () => {
    const cluster = new Cluster();
    cluster.pass();
    const { standing } = prepared(a) as { standing: Standing };
    const notYet: readonly Partial<Seen>[] = [
      { ...prepared(a), standing: { ...standing, usersOn: false } },
      { ...prepared(a), standing: { ...standing, hasBase: false } },
      { ...prepared(a), usersStandIn: undefined },
      { ...prepared(a), usersStandIn: b },
    ];
    for (const more of notYet) {
      assert.deepEqual(cluster.pass(more), []);
      assert.equal(decide(cluster.seen(more)).trusted, false);
    }
    assert.equal(cluster.text("holdfast-etcd-trust", "clients.crt"), "");
    assert.equal(cluster.text("holdfast-etcd-trust", "clients-of"), "");
    assert.deepEqual(cluster.pass(prepared(a)), rolled);
    assert.equal(cluster.text("holdfast-etcd-trust", "clients-of"), a);
    assert.equal(cluster.text("holdfast-etcd-trust", "clients.crt"), authorities.clients.bundle);
    assert.equal(decide(cluster.seen(prepared(a))).trusted, true);
  });

  it("is not restarted because etcd does not answer, or the data was lost; only when that is prepared", () => {
    const cluster = new Cluster();
    cluster.pass();
    cluster.settle(prepared(a));
    assert.deepEqual(cluster.pass(), []);
    const empty = { standing: { incarnation: b, usersOn: false, hasBase: false }, usersStandIn: a };
    assert.deepEqual(cluster.pass(empty), []);
    const plan = decide(cluster.seen(empty));
    assert.deepEqual([plan.switchUsersOn, plan.trusted], [true, false]);
    assert.deepEqual(cluster.pass(prepared(b)), rolled);
    assert.equal(cluster.text("holdfast-etcd-trust", "clients-of"), b);
  });

  it("lets pods of the former template start while the set is not written yet", () => {
    const cluster = new Cluster();
    cluster.pass();
    const versions = () =>
      Object.keys(cluster.objects.get("Secret/holdfast-etcd-trust")?.["data"] as object).filter(
        (key) => key.startsWith("version-"),
      );
    const [first] = versions();
    const [trust] = decide(cluster.seen(prepared(a))).writes;
    cluster.apply(trust === undefined ? [] : [trust]);
    assert.equal(versions().length, 2);
    assert.ok(versions().includes(first ?? ""));
    assert.deepEqual(cluster.pass(prepared(a)), ["StatefulSet holdfast-etcd"]);
    cluster.pass(prepared(a));
    assert.equal(versions().length, 1);
    assert.ok(!versions().includes(first ?? ""));
  });

  it("is restarted where an authority gets a successor, and its certificates are made anew where it is followed", () => {
    const cluster = new Cluster();
    cluster.pass();
    const next = held("next");
    const announced = {
      ...authorities,
      clients: {
        ...authorities.clients,
        bundle: authorities.clients.bundle + next.bundle,
      },
    };
    cluster.settle(prepared(a));
    assert.deepEqual(cluster.pass({ ...prepared(a), authorities: announced }), [
      ...["Secret holdfast-etcd-server", "Secret holdfast-etcd-admin"],
      ...rolled,
    ]);
    const certificate = cluster.text("holdfast-etcd-server", "tls.crt");
    const promoted = {
      ...authorities,
      clients: { authority: next.authority, bundle: next.bundle + authorities.clients.bundle },
    };
    cluster.settle({ ...prepared(a), authorities: promoted });
    assert.notEqual(cluster.text("holdfast-etcd-server", "tls.crt"), certificate);
  });

  it("has its certificates made anew when a third of their life is left, which restarts nothing", () => {
    const cluster = new Cluster();
    cluster.pass();
    assert.deepEqual(cluster.pass({ nowMs: nowMs + 243 * dayMs }), []);
    const due = cluster.pass({ nowMs: nowMs + 244 * dayMs });
    assert.deepEqual(due, all.slice(0, 3));
    assert.deepEqual(cluster.pass({ nowMs: nowMs + 244 * dayMs }), []);
  });

  it("keeps the storage that is claimed, and says so", () => {
    const cluster = new Cluster();
    const small = managed({ size: "1024Mi" });
    cluster.pass({ spec: small });
    assert.equal(decide(cluster.seen({ spec: small })).storageKept, undefined);
    const same = decide(cluster.seen({ spec: managed({ size: "1Gi" }) }));
    assert.deepEqual([same.writes, same.storageKept], [[], undefined]);
    for (const other of [
      { size: "2Gi" },
      { ephemeral: true, size: "1Gi" },
      { className: "fast" },
    ]) {
      const plan = decide(cluster.seen({ spec: managed(other) }));
      assert.deepEqual(plan.writes, []);
      assert.equal(plan.storageKept, "a volume of 1Gi");
      assert.equal(plan.storage.ephemeral, false);
    }
  });

  it("stays ephemeral where it was made so", () => {
    const cluster = new Cluster();
    const ephemeral = managed({ ephemeral: true, size: "1Gi" });
    cluster.pass({ spec: ephemeral });
    assert.equal(decide(cluster.seen({ spec: ephemeral })).storageKept, undefined);
    const plan = decide(cluster.seen({ spec: managed() }));
    assert.deepEqual(plan.writes, []);
    assert.equal(plan.storageKept, "a folder that goes with the pod");
    assert.equal(plan.storage.ephemeral, true);
  });

  it("hurries the kubelet of a pod whose data goes with it, once the Secret stands, and changes no template", () => {
    const cluster = new Cluster();
    const spec = managed({ ephemeral: true });
    const hurried = (more: Partial<Seen>) => decide(cluster.seen({ spec, ...more })).hurry;
    cluster.pass({ spec });
    assert.equal(hurried({}), undefined);
    const metadata = { name: "holdfast-etcd-0", uid: "p", resourceVersion: "1" };
    const pod = { apiVersion: "v1", kind: "Pod", metadata } as KubeObject;
    const bears = (more: object) =>
      cluster.objects.set("Pod/holdfast-etcd-0", { ...pod, metadata: { ...metadata, ...more } });
    bears({});
    const before = hurried({})?.mark ?? "";
    assert.notEqual(before, "");
    bears({ annotations: { "holdfast.dev/trust": before } });
    assert.equal(hurried({}), undefined);
    // Not yet: the kubelet would look at what is there.
    assert.equal(hurried(prepared(a)), undefined);
    assert.deepEqual(cluster.pass({ spec, ...prepared(a) }), ["Secret holdfast-etcd-trust"]);
    const told = hurried(prepared(a));
    assert.equal(told?.pod.metadata.uid, "p");
    assert.notEqual(told?.mark, before);
    bears({ deletionTimestamp: "2026-01-01T00:00:00Z" });
    assert.equal(hurried(prepared(a)), undefined);
    const onVolume = new Cluster();
    onVolume.settle();
    onVolume.objects.set("Pod/holdfast-etcd-0", pod);
    assert.equal(decide(onVolume.seen()).hurry, undefined);
  });

  it("has a certificate that somebody broke made anew", () => {
    const cluster = new Cluster();
    cluster.pass();
    const server = cluster.objects.get("Secret/holdfast-etcd-server");
    const admin = cluster.objects.get("Secret/holdfast-etcd-admin");
    const [broken, other] = [server, admin].map((one) => one?.["data"] as Record<string, string>);
    if (broken !== undefined) broken["tls.crt"] = other?.["tls.crt"] ?? "";
    assert.deepEqual(cluster.pass(), ["Secret holdfast-etcd-server"]);
  });
});
