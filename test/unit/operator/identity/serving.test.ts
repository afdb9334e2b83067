import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import type { Held } from "#operator/identity/authorities.ts";
import { newAuthority } from "#operator/identity/renewal.ts";
import { Serving } from "#operator/identity/serving.ts";
import { Scrape } from "#test/support/kube/stage.ts";
import { World } from "#test/support/world/world.ts";

const dayMs = 86_400_000;

class Stage implements Disposable {
  readonly world = new World("serving");
  readonly runtime = this.world.runtime("operator");
  readonly scrape = new Scrape();
  readonly shown: X509Certificate[] = [];
  held: Held | undefined;
  #changed: (which: "operator" | "clients") => void = () => undefined;
  readonly serving = Serving.start({
    authorities: {
      get: () => this.held,
      onChange: (listener) => {
        this.#changed = listener;
        return { [Symbol.dispose]: () => undefined };
      },
    },
    ...{ runtime: this.runtime, metrics: this.scrape.registry },
    ...{ service: "holdfast-operator", namespace: "holdfast-system" },
  });

  constructor() {
    this.serving.secure({
      setSecureContext: ({ cert, key }) => {
        assert.match(key, /PRIVATE KEY/);
        this.shown.push(new X509Certificate(cert));
      },
    });
  }

  hold(called: string, which: "operator" | "clients" = "operator"): void {
    const authority = newAuthority(called, this.runtime.wallNow());
    this.held = { authority, bundle: authority.certificate };
    this.#changed(which);
  }

  [Symbol.dispose](): void {
    this.serving[Symbol.dispose]();
  }
}

describe("the serving certificate", () => {
  it("is shown as soon as there is an authority, for the Service's names and loopback", () => {
    using stage = new Stage();
    assert.match(stage.serving.problem() ?? "", /not read or made yet/);
    stage.hold("first");
    assert.equal(stage.serving.problem(), undefined);
    const [one] = stage.shown;
    assert.ok(one);
    assert.ok(one.verify(new X509Certificate(stage.held?.bundle ?? "").publicKey));
    for (const host of [
      "holdfast-operator.holdfast-system.svc",
      "holdfast-operator.holdfast-system.svc.cluster.local",
      "holdfast-operator.holdfast-system",
      "localhost",
    ])
      assert.ok(one.checkHost(host), host);
    assert.ok(one.checkIP("127.0.0.1"));
    assert.equal(one.checkHost("holdfast-operator.other.svc"), undefined);
  });

  it("is renewed at a third of its life, and again", async () => {
    using stage = new Stage();
    stage.hold("first");
    await stage.world.pass((7 * dayMs) / 3 - 1_000);
    assert.equal(stage.shown.length, 1);
    await stage.world.pass(2_000);
    assert.equal(stage.shown.length, 2);
    await stage.world.pass((7 * dayMs) / 3 + 1_000);
    assert.equal(stage.shown.length, 3);
    const ends = stage.scrape.value("holdfast_serving_expiry_timestamp_seconds") ?? 0;
    assert.ok(Math.abs(ends * 1_000 - stage.runtime.wallNow() - 7 * dayMs) < 60_000);
  });

  it("is issued anew at once by another authority, and by no other's change", () => {
    using stage = new Stage();
    stage.hold("first");
    stage.hold("clients", "clients");
    assert.equal(stage.shown.length, 1);
    stage.hold("second");
    assert.equal(stage.shown.length, 2);
    assert.equal(stage.shown[1]?.issuer, "CN=second");
  });

  it("tells when it has ended, as after a jump of the clock", async () => {
    using stage = new Stage();
    stage.hold("first");
    stage.runtime.jumpWall(8 * dayMs);
    assert.match(stage.serving.problem() ?? "", /has ended/);
    await stage.world.pass(dayMs);
    assert.equal(stage.serving.problem(), undefined);
  });
});
