/** Whom the API server is told to trust at the webhooks, against an API server that does what a script says. */
import assert from "node:assert/strict";
import type { AuthorityName, Held } from "#operator/identity/authorities.ts";
import { newAuthority } from "#operator/identity/renewal.ts";
import { CaBundle } from "#operator/webhooks/ca-bundle.ts";
import { namespaceWebhook, podWebhook } from "#operator/webhooks/configuration.ts";
import type { ReceivedRequest } from "#test/support/kube/scripted-server.ts";
import { onFailure, Stage as KubeStage } from "#test/support/kube/stage.ts";
import { inTime } from "#test/support/poll.ts";

const name = "holdfast-webhooks";
const path = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${name}`;
const base64 = (text: string) => Buffer.from(text).toString("base64");
const authorityOf = (called: string) => newAuthority(called, Date.now());
const lookEveryMs = 10_000;
const failed = "whom the API server is to trust at the webhooks could not be written";

/** `bundles`: of the two entries; undefined: it has none. */
function configuration(pods: string | undefined, namespaces = pods, uid = "u1"): object {
  const entry = (called: string, caBundle: string | undefined): object => ({
    name: called,
    clientConfig: { service: { name: "s", namespace: "n" }, ...(caBundle && { caBundle }) },
    rules: [],
  });
  return {
    ...{ apiVersion: "admissionregistration.k8s.io/v1", kind: "MutatingWebhookConfiguration" },
    metadata: { name, uid, resourceVersion: "7" },
    webhooks: [
      entry(podWebhook, pods),
      entry("somebody.else.dev", "dGhlaXJz"),
      entry(namespaceWebhook, namespaces),
    ],
  };
}

class Stage implements AsyncDisposable {
  readonly kube: KubeStage;
  leads = true;
  held: Held | undefined;
  readonly #bundle: CaBundle;
  #changed: (which: AuthorityName) => void = () => undefined;

  private constructor(kube: KubeStage, held: Held | undefined) {
    this.kube = kube;
    this.held = held;
    this.#bundle = CaBundle.start({
      ...{ api: kube.api, runtime: kube.runtime, name, onFailure },
      mayAct: () => this.leads,
      authorities: {
        get: (which) => (which === "operator" ? this.held : undefined),
        onChange: (listener) => {
          this.#changed = listener;
          return { [Symbol.dispose]: () => void (this.#changed = () => undefined) };
        },
      },
    });
  }

  static async start(held?: Held): Promise<Stage> {
    return new Stage(await KubeStage.start(), held);
  }

  hold(held: Held, which: AuthorityName = "operator"): void {
    this.held = held;
    this.#changed(which);
  }

  /** The next look, which sees this. */
  async look(seen: object): Promise<void> {
    const asked = await this.kube.server.next();
    assert.deepEqual([asked.method, asked.path], ["GET", path]);
    asked.answer(200, seen);
  }

  /** What is written then. */
  async written(): Promise<ReceivedRequest> {
    const request = await this.kube.server.next();
    assert.deepEqual([request.method, request.path], ["PATCH", path]);
    assert.equal(request.headers["content-type"], "application/apply-patch+yaml");
    assert.equal(request.query.get("fieldManager"), "holdfast-webhooks");
    return request;
  }

  /** Lets it write, as the API server takes it. */
  async takes(bundle: string): Promise<void> {
    const request = await this.written();
    assert.deepEqual(request.body, applied(bundle));
    request.answer(200, configuration(base64(bundle)));
    await this.idle();
  }

  /** Until it waits for the next look; nothing more is asked. */
  async idle(): Promise<void> {
    await inTime(
      "it to wait",
      this.kube.runtime.waits((ms) => ms === lookEveryMs),
    );
    assert.equal(this.kube.server.pending, 0);
  }

  async nextLook(seen: object): Promise<void> {
    await this.idle();
    this.kube.runtime.pass(lookEveryMs);
    await this.look(seen);
  }

  warnings(): number {
    return this.kube.runtime.lines.filter(({ message }) => message === failed).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bundle[Symbol.asyncDispose]();
    await this.kube[Symbol.asyncDispose]();
  }
}

/** Nothing but the bundle of our two entries, and only of that very object. */
function applied(bundle: string, uid = "u1"): object {
  const entry = (called: string) => ({ name: called, clientConfig: { caBundle: base64(bundle) } });
  return {
    ...{ apiVersion: "admissionregistration.k8s.io/v1", kind: "MutatingWebhookConfiguration" },
    metadata: { name, uid },
    webhooks: [entry(podWebhook), entry(namespaceWebhook)],
  };
}

const heldOf = (called: string): Held => {
  const authority = authorityOf(called);
  return { authority, bundle: authority.certificate };
};

describe("whom the API server trusts at the webhooks", () => {
  it("is written where it is missing, as nothing but the bundle of our entries", async () => {
    const held = heldOf("one");
    await using stage = await Stage.start(held);
    await stage.look(configuration(undefined));
    await stage.takes(held.bundle);
  });

  it("is not written again while it stands, and is where somebody changes one of the two", async () => {
    const held = heldOf("one");
    await using stage = await Stage.start(held);
    const good = base64(held.bundle);
    await stage.look(configuration(good));
    for (let looks = 0; looks < 3; looks++) await stage.nextLook(configuration(good));
    await stage.nextLook(configuration(good, base64("theirs")));
    await stage.takes(held.bundle);
    await stage.nextLook(configuration(undefined, good));
    await stage.takes(held.bundle);
    assert.equal(stage.warnings(), 0);
  });

  it("is written by the leader alone, soon after it comes to lead", async () => {
    const held = heldOf("one");
    await using stage = await Stage.start(held);
    stage.leads = false;
    await stage.look(configuration(undefined));
    await stage.nextLook(configuration(undefined));
    await stage.idle();
    stage.leads = true;
    await stage.nextLook(configuration(undefined));
    await stage.takes(held.bundle);
  });

  it("is not written by who stops leading while it looks", async () => {
    await using stage = await Stage.start(heldOf("one"));
    const asked = await stage.kube.server.next();
    stage.leads = false;
    asked.answer(200, configuration(undefined));
    await stage.idle();
  });

  it("is written as soon as there is an authority, and asks nobody before that", async () => {
    await using stage = await Stage.start();
    await stage.idle();
    assert.equal(stage.warnings(), 1);
    const held = heldOf("one");
    stage.hold(held);
    await stage.look(configuration(undefined));
    await stage.takes(held.bundle);
    stage.hold(held, "clients");
    await stage.idle();
  });

  it("is the whole bundle at each step of a renewal: the next authority before it issues, the former one after", async () => {
    const [one, two] = [heldOf("one"), heldOf("two")];
    await using stage = await Stage.start(one);
    await stage.look(configuration(base64(one.bundle)));
    await stage.idle();
    const steps = [
      { authority: one.authority, bundle: `${one.bundle}${two.bundle}` },
      { authority: two.authority, bundle: `${two.bundle}${one.bundle}` },
      { authority: two.authority, bundle: two.bundle },
    ];
    let trusted = one.bundle;
    for (const held of steps) {
      stage.hold(held);
      await stage.look(configuration(base64(trusted)));
      await stage.takes(held.bundle);
      trusted = held.bundle;
    }
  });

  it("takes up a change that comes while it looks", async () => {
    const [one, two] = [heldOf("one"), heldOf("two")];
    await using stage = await Stage.start(one);
    const asked = await stage.kube.server.next();
    stage.hold(two);
    asked.answer(200, configuration(base64(one.bundle)));
    await stage.look(configuration(base64(one.bundle)));
    await stage.takes(two.bundle);
  });

  it("goes on where the configuration is missing, cannot be read, or is another by then", async () => {
    const held = heldOf("one");
    await using stage = await Stage.start(held);
    (await stage.kube.server.next()).refuse(404, "NotFound");
    await stage.idle();
    assert.equal(stage.warnings(), 1);
    await stage.nextLook(configuration(undefined));
    (await stage.written()).refuse(409, "Conflict");
    await stage.nextLook(configuration(undefined, undefined, "u2"));
    const request = await stage.written();
    assert.deepEqual(request.body, applied(held.bundle, "u2"));
    request.refuse(403, "Forbidden");
    await stage.idle();
    assert.equal(stage.warnings(), 2);
    await stage.nextLook({ metadata: { name, uid: "u2" }, webhooks: "none" });
    await stage.nextLook(configuration(base64(held.bundle)));
    await stage.idle();
  });

  it("names only entries that are there", async () => {
    const held = heldOf("one");
    await using stage = await Stage.start(held);
    const { webhooks, ...rest } = configuration(undefined) as { webhooks: { name: string }[] };
    await stage.look({
      ...rest,
      webhooks: webhooks.filter((one) => one.name !== namespaceWebhook),
    });
    const { body } = await stage.written();
    const written = (body as { webhooks: { name: string }[] }).webhooks.map((one) => one.name);
    assert.deepEqual(written, [podWebhook]);
  });
});
