/** Where sidecars are sent, over a real connection to an API server that has, loses, and garbles what that is told by. */
import assert from "node:assert/strict";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { AuthorityName, Held } from "#operator/identity/authorities.ts";
import { SidecarBackend, type BackendOfSidecars } from "#operator/identity/backend-of-sidecars.ts";
import { newAuthority } from "#operator/identity/renewal.ts";
import { keyPem } from "#operator/identity/x509/certificate.ts";
import { Cluster } from "#operator/kube/cluster.ts";
import { Transport } from "#operator/kube/transport.ts";
import { statusObject } from "#test/support/kube/scripted-server.ts";
import { onFailure, plainConfig, Scrape } from "#test/support/kube/stage.ts";
import { SteppedRuntime } from "#test/support/kube/stepped-runtime.ts";
import { eventually, inTime } from "#test/support/poll.ts";

const namespace = "holdfast-system";
const never = new AbortController().signal;
const endpoints = ["https://etcd.test:2379"];
const authorityOf = (name: string) => newAuthority(name, Date.now());
const [ca, issuer] = [authorityOf("etcd"), authorityOf("clients")];
const issuerSecret = { "tls.crt": issuer.certificate, "tls.key": keyPem(issuer.key) };
const external = (more: object = {}) => ({
  type: "etcd",
  external: { endpoints, adminSecret: { name: "admin" }, ...more },
});
const byCertificates = external({ ca: { name: "ca" }, issuer: { name: "issuer" } });

/** One Backend, with its watch, and Secrets. */
class ApiServer implements AsyncDisposable {
  readonly url: string;
  readonly secrets = new Map<string, Readonly<Record<string, string>>>();
  /** Reads of Secrets fail with it, or get no answer: 0. */
  failing: number | undefined;
  asked = 0;
  hung = Promise.withResolvers<undefined>();
  readonly #server: Server;
  #version = 100;
  #spec: object | undefined;
  readonly #events: { readonly version: number; readonly line: string }[] = [];
  #watch: ServerResponse | undefined;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", ({ url = "" }, response) => {
      this.#answer(new URL(url, this.url), response);
    });
  }

  static async start(): Promise<ApiServer> {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    return new ApiServer(server);
  }

  /** Undefined: it is deleted. */
  put(spec: object | undefined): void {
    const type = spec === undefined ? "DELETED" : this.#spec === undefined ? "ADDED" : "MODIFIED";
    const last = this.#backend(spec ?? this.#spec ?? {});
    this.#spec = spec;
    const line = `${JSON.stringify({ type, object: last })}\n`;
    this.#events.push({ version: this.#version, line });
    this.#watch?.write(line);
  }

  #backend(spec: object): object {
    this.#version += 1;
    const metadata = { name: "default", namespace, uid: "u1", resourceVersion: `${this.#version}` };
    return { apiVersion: "holdfast.dev/v1alpha1", kind: "Backend", metadata, spec };
  }

  #answer({ pathname, searchParams }: URL, response: ServerResponse): void {
    const [, kind, name = ""] = /\/(backends|secrets)(?:\/(.+))?$/.exec(pathname) ?? [];
    const say = (status: number, body: object): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    if (kind === "backends" && searchParams.has("watch")) {
      this.#watch = response.writeHead(200, { "content-type": "application/json" });
      response.flushHeaders();
      const from = Number(searchParams.get("resourceVersion"));
      for (const { version, line } of this.#events) if (version > from) response.write(line);
      return;
    }
    if (kind === "backends") {
      assert.equal(searchParams.get("fieldSelector"), "metadata.name=default");
      const items = this.#spec === undefined ? [] : [this.#backend(this.#spec)];
      const metadata = { resourceVersion: `${this.#version}` };
      say(200, { apiVersion: "holdfast.dev/v1alpha1", kind: "BackendList", metadata, items });
      return;
    }
    this.asked += 1;
    if (this.failing === 0) {
      this.hung.resolve(undefined);
      return;
    }
    if (this.failing !== undefined) {
      say(this.failing, statusObject(this.failing, "ServiceUnavailable"));
      return;
    }
    const texts = this.secrets.get(name);
    if (texts === undefined) {
      say(404, statusObject(404, "NotFound"));
      return;
    }
    const data = Object.fromEntries(
      Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString("base64")]),
    );
    const metadata = { name, namespace, uid: name, resourceVersion: "1" };
    say(200, { apiVersion: "v1", kind: "Secret", metadata, data });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

class Stage implements AsyncDisposable {
  readonly runtime = new SteppedRuntime();
  readonly server: ApiServer;
  readonly backend: SidecarBackend;
  readonly #api: Transport;
  #held: Held | undefined;
  #changed: (which: AuthorityName) => void = () => undefined;

  private constructor(server: ApiServer) {
    this.server = server;
    const { runtime } = this;
    const { kube: metrics } = new Scrape();
    const cluster = new Cluster(() => plainConfig(server.url), runtime);
    this.#api = new Transport({ cluster, runtime, metrics });
    this.backend = SidecarBackend.start({
      ...{ api: this.#api, runtime, metrics, namespace, installation: "holdfast", onFailure },
      authorities: {
        get: () => this.#held,
        onChange: (listener) => {
          this.#changed = listener;
          return { [Symbol.dispose]: () => undefined };
        },
      },
    });
  }

  static async start(
    spec?: object,
    secrets: Readonly<Record<string, object>> = {},
  ): Promise<Stage> {
    const server = await ApiServer.start();
    for (const [name, texts] of Object.entries(secrets))
      server.secrets.set(name, texts as Readonly<Record<string, string>>);
    if (spec !== undefined) server.put(spec);
    return new Stage(server);
  }

  hold(held: Held): void {
    this.#held = held;
    this.#changed("clients");
  }

  /** Once it is what it ought to be. */
  async is(wanted: (current: BackendOfSidecars) => boolean): Promise<BackendOfSidecars> {
    await eventually("the Backend to be seen", () => {
      const { current } = this.backend;
      if (!wanted(current)) throw new Error(JSON.stringify(current));
      return true;
    });
    return this.backend.current;
  }

  known(wanted: (current: BackendOfSidecars & { kind: "known" }) => boolean = () => true) {
    return this.is((current) => current.kind === "known" && wanted(current));
  }

  lacks(lacks: "backend" | "authority", words: RegExp) {
    return this.is(
      (current) =>
        current.kind === "unknown" && current.lacks === lacks && words.test(current.problem),
    );
  }

  /** Lets the wait for the next look pass, and the look be made. Tells how long it was. */
  async nextLook(): Promise<number> {
    const asked = this.server.asked;
    const ms = await this.runtime.skipPause();
    await eventually("a look", () => this.server.asked > asked);
    await this.runtime.pause();
    return ms;
  }

  warnings(): number {
    const told = "sidecars cannot be told where etcd is";
    return this.runtime.lines.filter(({ message }) => message === told).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.backend.close();
    await this.#api.close();
    await this.server[Symbol.asyncDispose]();
  }
}

const secrets = { ca: { "ca.crt": ca.certificate }, issuer: issuerSecret };

describe("the etcd of sidecars", function () {
  this.timeout(60_000);

  it("is not known before the Backend was read, and then known not to be there", async () => {
    await using stage = await Stage.start();
    assert.match(stage.backend.problem() ?? "", /not read yet/);
    assert.equal(stage.backend.current.kind, "unknown");
    await stage.lacks("backend", /There is no Backend 'default'/);
    assert.equal(stage.backend.problem(), undefined);
    stage.server.put(external());
    await stage.known();
    stage.server.put(undefined);
    await stage.lacks("backend", /There is no Backend 'default'/);
  });

  it("is what somebody else runs, as the Backend and its Secrets say", async () => {
    await using stage = await Stage.start(byCertificates, secrets);
    const current = await stage.known();
    assert.ok(current.kind === "known");
    assert.deepEqual([current.endpoints, current.ca], [endpoints, ca.certificate]);
    assert.equal(current.issuer?.certificate, issuer.certificate);
    assert.equal(current.passwords, false);
    stage.server.put(external({ passwords: true, ca: { name: "ca", key: "ca.crt" } }));
    const next = await stage.known(({ passwords }) => passwords);
    assert.ok(next.kind === "known");
    assert.deepEqual([next.issuer, next.ca], [undefined, ca.certificate]);
    stage.server.put(external());
    assert.ok(await stage.known((one) => one.ca === undefined && !one.passwords));
    assert.equal(stage.warnings(), 0);
  });

  it("is what the operator runs, once there is its authority, and with each next one at once", async () => {
    const managed = { type: "etcd", managed: { members: 1, storage: { size: "8Gi" } } };
    await using stage = await Stage.start(managed);
    await stage.lacks("authority", /'clients' was not read or made yet/);
    stage.hold({ authority: issuer, bundle: issuer.certificate });
    const current = await stage.known();
    assert.ok(current.kind === "known");
    assert.deepEqual(current.endpoints, ["https://holdfast-etcd.holdfast-system.svc:2379"]);
    assert.equal(current.issuer?.certificate, issuer.certificate);
    const next = authorityOf("next");
    const bundle = `${issuer.certificate}${next.certificate}`;
    stage.hold({ authority: issuer, bundle });
    await stage.known((one) => one.ca === bundle && one.issuer === issuer);
    stage.hold({ authority: next, bundle });
    await stage.known((one) => one.issuer === next);
    assert.equal(stage.server.asked, 0, "no Secret is named");
  });

  it("is none where the Backend is not accepted, and says why once", async () => {
    await using stage = await Stage.start(external({ endpoints: ["etcd"] }));
    await stage.lacks("backend", /not accepted: .*endpoints/);
    stage.server.put(external());
    await stage.known();
    assert.equal(stage.warnings(), 1);
  });

  const spoiled: readonly (readonly [string, "backend" | "authority", object, RegExp])[] = [
    ["is missing", "backend", { ca: undefined }, /'ca' of spec\.external\.ca: is not there/],
    ["has another key", "backend", { ca: { other: "x" } }, /'ca' has no key 'ca\.crt'/],
    ["holds no certificate", "backend", { ca: { "ca.crt": "x" } }, /'ca' holds no certificate/],
    ["of the issuer is missing", "authority", { issuer: undefined }, /'issuer' of .*is not there/],
    ["of the issuer is empty", "authority", { issuer: {} }, /'issuer' .*cannot be used/],
    [
      "of the issuer has another's key",
      "authority",
      { issuer: { ...issuerSecret, "tls.key": keyPem(ca.key) } },
      /'issuer' .*cannot be used: the key is not the certificate's/,
    ],
    [
      "of the issuer is torn",
      "authority",
      { issuer: { ...issuerSecret, "tls.crt": issuer.certificate.slice(0, 200) } },
      /'issuer' .*cannot be used/,
    ],
  ];
  for (const [what, lacks, with_, words] of spoiled)
    it(`is not told where a Secret ${what}, and is when that is mended`, async () => {
      const all = Object.entries({ ...secrets, ...with_ }).filter(([, one]) => one !== undefined);
      await using stage = await Stage.start(byCertificates, Object.fromEntries(all));
      await stage.lacks(lacks, words);
      for (const [name, texts] of Object.entries(secrets)) stage.server.secrets.set(name, texts);
      assert.ok((await stage.nextLook()) <= 1_000);
      await stage.known();
      // Whoever spoils it again takes the place of what was known: half of it would lock sidecars out.
      const [name = "", texts] = Object.entries(with_)[0] ?? [];
      if (texts === undefined) stage.server.secrets.delete(name);
      else stage.server.secrets.set(name, texts as Readonly<Record<string, string>>);
      await stage.nextLook();
      await stage.lacks(lacks, words);
      assert.equal(stage.warnings(), 2);
    });

  it("stays as it was known while the API server is away, and is looked at when that is back", async () => {
    await using stage = await Stage.start(byCertificates, secrets);
    const before = await stage.known();
    stage.server.failing = 503;
    for (let looks = 0; looks < 5; looks++) await stage.nextLook();
    assert.equal(stage.backend.current, before);
    assert.equal(stage.warnings(), 0);
    const next = authorityOf("next");
    const texts = { "tls.crt": next.certificate, "tls.key": keyPem(next.key) };
    stage.server.secrets.set("issuer", texts);
    stage.server.failing = undefined;
    await stage.nextLook();
    await stage.known((one) => one.issuer?.certificate === next.certificate);
  });

  it("is not known where the API server was away from the start", async () => {
    await using stage = await Stage.start(byCertificates, secrets);
    stage.server.failing = 503;
    await stage.lacks("backend", /'ca' of spec\.external\.ca: /);
    stage.server.failing = undefined;
    await stage.nextLook();
    await stage.known();
  });

  it("is looked at every few seconds, and its Secrets' next content is taken", async () => {
    await using stage = await Stage.start(byCertificates, secrets);
    await stage.known();
    const bundle = `${ca.certificate}${authorityOf("etcd's next").certificate}`;
    stage.server.secrets.set("ca", { "ca.crt": bundle });
    assert.equal(await stage.nextLook(), 15_000);
    await stage.known((one) => one.ca === bundle);
  });

  it("has a namespace's password where its Secret holds one", async () => {
    await using stage = await Stage.start(external({ passwords: true }));
    await stage.known();
    const { backend, server } = stage;
    assert.equal(await backend.passwordOf("user.shop", never), undefined);
    server.secrets.set("user.shop", { password: "" });
    assert.equal(await backend.passwordOf("user.shop", never), undefined);
    server.secrets.set("user.shop", { password: "pass" });
    assert.equal(await backend.passwordOf("user.shop", never), "pass");
  });

  it("ends at once, also while a Secret is waited for", async () => {
    await using stage = await Stage.start(byCertificates, secrets);
    await stage.known();
    stage.server.failing = 0;
    await stage.runtime.skipPause();
    await inTime("the question", stage.server.hung.promise);
    await inTime("the end", stage.backend.close());
  });
});
