/** Several replicas and their authorities, in virtual time, over an API whose messages are slow and lost. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import {
  Authorities,
  authorityNames,
  authoritySecretName,
  type AuthorityName,
} from "#operator/identity/authorities.ts";
import { certificatesOf, renewAnnotation, secretOf } from "#operator/identity/authority-record.ts";
import { firstRecord, newAuthority } from "#operator/identity/renewal.ts";
import type { KubeObject, Resource } from "#operator/kube/objects.ts";
import { KubeApiModel, ModelClient } from "#test/support/kube/api-model.ts";
import { Scrape, onFailure } from "#test/support/kube/stage.ts";
import type { VirtualRuntime } from "#test/support/world/virtual-runtime.ts";
import { World } from "#test/support/world/world.ts";

const secrets: Resource = {
  ...{ group: "", version: "v1", kind: "Secret", plural: "secrets", namespaced: true },
};
const namespace = "holdfast-system";
const installation = "holdfast";
const overlapMs = 60_000;
const dayMs = 86_400_000;

class Replica {
  readonly runtime: VirtualRuntime;
  readonly client: ModelClient;
  readonly scrape = new Scrape();
  readonly changes: AuthorityName[] = [];
  authorities!: Authorities;
  leads = false;

  private constructor(world: World, model: KubeApiModel, name: string) {
    this.runtime = world.runtime(name);
    this.client = new ModelClient(model, this.runtime);
  }

  static async start(world: World, model: KubeApiModel, name: string): Promise<Replica> {
    const replica = new Replica(world, model, name);
    replica.authorities = await Authorities.start({
      ...{ api: replica.client, runtime: replica.runtime, metrics: replica.scrape.registry },
      ...{ namespace, installation, overlapMs, onFailure },
      leads: () => replica.leads,
    });
    replica.authorities.onChange((which) => replica.changes.push(which));
    return replica;
  }

  issuer(which: AuthorityName = "clients"): string | undefined {
    return this.authorities.get(which)?.authority.certificate;
  }

  trusted(which: AuthorityName = "clients"): string[] {
    return certificatesOf(this.authorities.get(which)?.bundle ?? "");
  }
}

class Stage implements AsyncDisposable {
  readonly world: World;
  readonly model: KubeApiModel;
  readonly replicas: Replica[] = [];

  constructor(seed: string) {
    this.world = new World(seed);
    this.model = new KubeApiModel(this.world);
  }

  async replica(name: string): Promise<Replica> {
    const replica = await Replica.start(this.world, this.model, name);
    this.replicas.push(replica);
    return replica;
  }

  secret(which: AuthorityName = "clients"): KubeObject | undefined {
    return this.model.object(secrets, nameOf(which));
  }

  change(how: (secret: KubeObject) => KubeObject): void {
    this.model.change(secrets, nameOf("clients"), how);
  }

  askForRenewal(): void {
    this.change((secret) => {
      const { annotations } = secret.metadata;
      const asked = { ...annotations, [renewAnnotation]: "" };
      return { ...secret, metadata: { ...secret.metadata, annotations: asked } };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { authorities, client } of this.replicas) {
      client.calm();
      await this.world.until(authorities.close());
    }
  }
}

const nameOf = (which: AuthorityName) => ({
  namespace,
  name: authoritySecretName(installation, which),
});

describe("the three authorities", () => {
  it("are made where they are missing, each another, and kept in Secrets of type kubernetes.io/tls", async () => {
    await using stage = new Stage("made");
    const one = await stage.replica("one");
    assert.equal(one.authorities.get("clients"), undefined);
    assert.match(one.authorities.problem("clients") ?? "", /not read yet/);
    await stage.world.pass(1_000);
    const issuers = authorityNames.map((which) => one.issuer(which));
    assert.equal(new Set(issuers).size, 3);
    for (const which of authorityNames) {
      const secret = stage.secret(which);
      assert.equal(secret?.["type"], "kubernetes.io/tls");
      const data = secret["data"] as Record<string, string>;
      assert.equal(Buffer.from(data["tls.crt"] ?? "", "base64").toString(), one.issuer(which));
      assert.deepEqual(Object.keys(data).sort(), ["ca.crt", "tls.crt", "tls.key"]);
      assert.ok(new X509Certificate(one.issuer(which) ?? "").ca);
      assert.equal(one.authorities.problem(which), undefined);
      const expiry = `holdfast_authority_expiry_timestamp_seconds{authority="${which}"}`;
      const years = ((one.scrape.value(expiry) ?? 0) * 1_000 - one.runtime.wallNow()) / dayMs / 365;
      assert.ok(Math.abs(years - 10) < 0.01, String(years));
      assert.equal(one.scrape.value(`holdfast_authority_trusted{authority="${which}"}`), 1);
    }
    assert.deepEqual(one.changes.toSorted(), authorityNames.toSorted());
  });

  for (let seed = 0; seed < 20; seed++)
    it(`are the same for replicas that start together, and nobody ever used another (${seed})`, async () => {
      await using stage = new Stage(`race ${seed}`);
      const used = new Set<string>();
      for (const name of ["one", "two", "three"]) {
        const replica = await stage.replica(name);
        const chance = stage.world.chanceFor(`network of ${name}`);
        replica.client.sendMs = chance.wholeBetween({ min: 0, max: 40 });
        replica.client.answerMs = chance.wholeBetween({ min: 0, max: 40 });
        replica.client.loseAnswers = chance.wholeBetween({ min: 0, max: 2 });
        replica.authorities.onChange((which) => {
          used.add(`${which} ${String(replica.issuer(which))}`);
        });
      }
      await stage.world.pass(120_000);
      assert.equal(used.size, 3);
      for (const which of authorityNames)
        assert.equal(new Set(stage.replicas.map((one) => one.issuer(which))).size, 1);
      for (const one of stage.replicas) assert.equal(one.changes.length, 3, one.runtime.name);
    });

  it("are written again as they were where somebody deletes a Secret", async () => {
    await using stage = new Stage("deleted");
    const one = await stage.replica("one");
    await stage.world.pass(1_000);
    const before = one.issuer();
    stage.model.delete(secrets, nameOf("clients"));
    await stage.world.pass(30_000);
    assert.ok(stage.secret());
    const two = await stage.replica("two");
    await stage.world.pass(1_000);
    assert.equal(two.issuer(), before);
    assert.equal(one.changes.length, 3);
  });

  it("stay in use where a Secret becomes unreadable; it is left as it is, and told", async () => {
    await using stage = new Stage("garbage");
    const one = await stage.replica("one");
    one.leads = true;
    await stage.world.pass(1_000);
    const before = one.issuer();
    stage.change((secret) => ({
      ...secret,
      data: { "tls.crt": "bm9uc2Vuc2U=", "tls.key": "bm9uc2Vuc2U=" },
    }));
    const { writes } = stage.model;
    await stage.world.pass(60_000);
    assert.equal(one.issuer(), before);
    assert.match(one.authorities.problem("clients") ?? "", /'holdfast-ca-clients' cannot be used/);
    assert.equal(stage.model.writes, writes);
  });

  it("of somebody else's making are used, and never written", async () => {
    await using stage = new Stage("foreign");
    const runtime = stage.world.runtime("somebody");
    const theirs = newAuthority("theirs", runtime.wallNow());
    const record = firstRecord(() => theirs, runtime.wallNow());
    const made = secretOf(record, { ...nameOf("clients"), installation });
    const { labels: _none, ...metadata } = made.metadata;
    const object = { ...made, metadata: { ...metadata, uid: "u1", resourceVersion: "1" } };
    stage.model.put(secrets, object);
    const one = await stage.replica("one");
    one.leads = true;
    await stage.world.pass(1_000);
    assert.equal(one.issuer(), theirs.certificate);
    stage.askForRenewal();
    const version = stage.secret()?.metadata.resourceVersion;
    await stage.world.pass(3 * overlapMs);
    assert.equal(stage.secret()?.metadata.resourceVersion, version);
  });

  it("are renewed by the leader alone, first trusted, an overlap later used, another later alone", async () => {
    await using stage = new Stage("renewal");
    const one = await stage.replica("one");
    const two = await stage.replica("two");
    await stage.world.pass(1_000);
    const former = two.issuer();
    stage.askForRenewal();
    await stage.world.pass(3 * overlapMs);
    assert.equal(two.issuer(), former, "nobody led");
    one.leads = true;
    await stage.world.pass(overlapMs / 2);
    for (const replica of stage.replicas) {
      assert.equal(replica.issuer(), former);
      assert.equal(replica.trusted().length, 2);
    }
    assert.equal(one.scrape.value('holdfast_authority_trusted{authority="clients"}'), 2);
    const [, next] = two.trusted();
    await stage.world.pass(overlapMs);
    for (const replica of stage.replicas) {
      assert.equal(replica.issuer(), next);
      assert.deepEqual(replica.trusted(), [next, former]);
    }
    await stage.world.pass(overlapMs);
    for (const replica of stage.replicas) assert.deepEqual(replica.trusted(), [next]);
    const { writes } = stage.model;
    await stage.world.pass(4 * overlapMs);
    assert.equal(stage.model.writes, writes, "asked once, done once");
    assert.equal(two.changes.filter((which) => which === "clients").length, 4);
  });

  it("are renewed a year before their end", async () => {
    await using stage = new Stage("age");
    const one = await stage.replica("one");
    one.leads = true;
    await stage.world.pass(1_000);
    one.runtime.jumpWall(9 * 365 * dayMs - dayMs);
    await stage.world.pass(60_000);
    assert.equal(one.trusted().length, 1);
    one.runtime.jumpWall(2 * dayMs);
    await stage.world.pass(15_000);
    assert.equal(one.trusted().length, 2);
  });
});
