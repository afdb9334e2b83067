/** `make image-push` against a real registry: what it sends, what it spares, and who may. */
import assert from "node:assert/strict";
import { createHash, sign } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { issue, makeAuthority } from "#operator/identity/x509/certificate.ts";
import { ImageRegistry, type RegistryOptions } from "#test/support/image-registry.ts";
import { ToolMissing } from "#tools/fetch.ts";
import { fetchBuilt } from "#tools/fetch/built.ts";
import { manifested, mediaTypes, plainLayer, type Manifested } from "#tools/image/archive.ts";
import { file } from "#tools/image/entries.ts";
import { version } from "#tools/image/images.ts";
import type { Credentials } from "#tools/image/push/credentials.ts";
import { placeOf } from "#tools/image/push/place.ts";
import { pushAll } from "#tools/image/push/push-all.ts";
import { push, type Fate } from "#tools/image/push/push.ts";
import { Registry } from "#tools/image/push/registry.ts";
import { imagesFolder, writeImages, type Written } from "#tools/image/write.ts";

const user = "pusher";
const password = "of the test";
/** That password by bcrypt. */
const htpasswd = `${user}:$2b$04$rDOTLcILWjTFtiJoXYIjIe9JjwU2dBas6okFNhI9PgztuKWy4EEZu\n`;
const right: Credentials = { kind: "password", user, password };

const small = (text: string): Manifested =>
  manifested(
    {
      reference: "small:1",
      layers: [plainLayer([file("base", "the same")]), plainLayer([file("text", text)])],
      settings: { user: "1:1" },
    },
    process.arch,
  );

const sha256 = (content: Buffer): string =>
  `sha256:${createHash("sha256").update(content).digest("hex")}`;

describe("a push to a registry", function () {
  this.timeout(120_000);

  before(async function () {
    try {
      await fetchBuilt("registry");
    } catch (error) {
      if (!(error instanceof ToolMissing)) throw error;
      this.skip(); // told when the tools were brought
    }
  });

  /** The fates of the blobs, in the order of the image: config, layers. */
  async function pushed(
    to: Registry,
    what: { repository: string; image: Manifested; beside?: readonly string[] },
  ): Promise<Fate[]> {
    const fates: Fate[] = [];
    await push(to, { tag: "1", beside: [], ...what }, (_digest, _sizeBytes, fate) => {
      fates.push(fate);
    });
    return fates;
  }

  async function withRegistry(
    test: (registry: ImageRegistry, client: (by?: Credentials) => Registry) => Promise<void>,
    options: RegistryOptions = {},
  ): Promise<void> {
    await using registry = await ImageRegistry.start(options);
    await test(registry, (by) => new Registry(placeOf(registry.host), by));
  }

  it("sends all three images, which are then served byte for byte, by the archives' digests", () =>
    withRegistry(async (registry, client) => {
      const written: Written[] = [];
      for await (const each of writeImages({ folder: imagesFolder, say: () => undefined }))
        written.push(each);
      const place = placeOf(`${registry.host}/holdfast/test`);
      const lines: string[] = [];
      const say = (line: string): void => {
        lines.push(line);
      };
      const names = await pushAll(client(), place, { folder: imagesFolder, say });
      for (const [at, { name, digest, layers }] of written.entries()) {
        assert.equal(names[at], `${registry.host}/holdfast/test/${name}:${version}@${digest}`);
        const base = `/v2/holdfast/test/${name}`;
        const manifest = await registry.get(`${base}/manifests/${version}`, {
          accept: mediaTypes.manifest,
        });
        assert.equal(sha256(Buffer.from(await manifest.arrayBuffer())), digest);
        for (const layer of layers) {
          const blob = await registry.get(`${base}/blobs/${layer.digest}`);
          assert.equal(sha256(Buffer.from(await blob.arrayBuffer())), layer.digest);
        }
      }
      const base = written[0]?.layers[0]?.digest.slice(0, 19) ?? "";
      const fates = lines
        .filter((line) => line.includes(base))
        .map((line) => line.split(" ").at(-1));
      assert.deepEqual(fates, ["sent", "mounted"]);
      lines.length = 0;
      await pushAll(client(), place, { folder: imagesFolder, say });
      assert.ok(lines.length > 0);
      for (const line of lines) assert.match(line, / there$/);
    }));

  it("mounts what another repository has, and sends only what is new", () =>
    withRegistry(async (_registry, client) => {
      assert.deepEqual(await pushed(client(), { repository: "a/one", image: small("1") }), [
        ...["sent", "sent", "sent"],
      ]);
      const two = { repository: "a/two", image: small("2"), beside: ["a/one"] };
      assert.deepEqual(await pushed(client(), two), ["sent", "mounted", "sent"]);
      assert.deepEqual(await pushed(client(), two), ["there", "there", "there"]);
    }));

  const byPassword: RegistryOptions = {
    auth: { htpasswd: { realm: "test", path: "{folder}/htpasswd" } },
    files: { htpasswd },
  };

  it("shows its password where one is asked for, and tells what to do without", () =>
    withRegistry(async (registry, client) => {
      const what = { repository: "a/one", image: small("1") };
      await assert.rejects(pushed(client(), what), {
        name: "PushRefused",
        message: new RegExp(`${registry.host} wants a password: set REGISTRY_USER`),
      });
      await assert.rejects(pushed(client({ ...right, password: "another" }), what), {
        name: "PushRefused",
        message: /does not take these credentials/,
      });
      assert.deepEqual(await pushed(client(right), what), ["sent", "sent", "sent"]);
    }, byPassword));

  it("fetches a token where the registry names a server for it, for each repository its own", async () => {
    await using tokens = await TokenServer.start();
    await withRegistry(async (_registry, client) => {
      const one = { repository: "a/one", image: small("1") };
      const two = { repository: "a/two", image: small("2"), beside: ["a/one"] };
      const registry = client(right);
      assert.deepEqual(await pushed(registry, one), ["sent", "sent", "sent"]);
      assert.deepEqual(await pushed(registry, two), ["sent", "mounted", "sent"]);
      assert.ok(tokens.scopes.some((scope) => scope.startsWith("repository:a/two:")));
      await assert.rejects(pushed(client({ ...right, password: "another" }), one), {
        message: /gives no token for .* for these credentials/,
      });
      await assert.rejects(pushed(client(), one), { message: /without credentials: set REGISTRY/ });
      await assert.rejects(pushed(registry, { ...one, repository: "theirs/one" }), {
        name: "PushRefused",
        message: /does not take these credentials, or not for this repository/,
      });
    }, tokens.options());
  });

  it("says that nobody is there", async () => {
    const registry = new Registry(placeOf("localhost:1"), undefined);
    await assert.rejects(pushed(registry, { repository: "a", image: small("1") }), {
      name: "PushRefused",
      message: /^http:\/\/localhost:1 cannot be reached: /,
    });
  });

  it("tells in the registry's own words what it does not take", () =>
    withRegistry(async (_registry, client) => {
      const wrong = { repository: "Upper/Case", image: small("1") };
      await assert.rejects(pushed(client(), wrong), {
        message: /has no such repository.*POST \/v2\/Upper\/Case\/.*404 page not found\)$/,
      });
    }));
});

/** What stands beside a registry of a company: passwords in, tokens for what the user may out. */
class TokenServer implements AsyncDisposable {
  readonly scopes: string[] = [];
  readonly #server: Server;
  readonly #validity = { fromMs: Date.now() - 300_000, untilMs: Date.now() + 3_600_000 };
  readonly #authority = makeAuthority("tokens", this.#validity);
  readonly #signer = issue(this.#authority, {
    ...{ subject: { name: "signer" }, uses: ["server"], validity: this.#validity },
  });

  private constructor() {
    this.#server = createServer((request, response) => {
      const wanted = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
      const scopes = new URL(request.url ?? "", "http://tokens").searchParams.getAll("scope");
      this.scopes.push(...scopes);
      const isRight = request.headers.authorization === wanted;
      response.writeHead(isRight ? 200 : 401, { "content-type": "application/json" });
      response.end(JSON.stringify(isRight ? { token: this.#token(scopes) } : {}));
    });
  }

  static async start(): Promise<TokenServer> {
    const server = new TokenServer();
    await new Promise<void>((resolve) => {
      server.#server.listen(0, "127.0.0.1", resolve);
    });
    return server;
  }

  options(): RegistryOptions {
    const { port } = this.#server.address() as AddressInfo;
    const token = {
      ...{ realm: `http://127.0.0.1:${port}/token`, service: "test", issuer: "tokens" },
      ...{ rootcertbundle: "{folder}/tokens.crt", signingalgorithms: ["ES256"] },
    };
    return { auth: { token }, files: { "tokens.crt": this.#authority.certificate } };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  /** A JWT; the user may all below a/, and nothing else. */
  #token(scopes: readonly string[]): string {
    const chain = this.#signer.certificate.replaceAll(/-----[^-]+-----|\s/g, "");
    const now = Math.floor(Date.now() / 1_000);
    const access = scopes
      .map((scope) => scope.split(":"))
      .filter(([, name = ""]) => name.startsWith("a/"))
      .map(([type, name, actions = ""]) => ({ type, name, actions: actions.split(",") }));
    const claims = {
      ...{
        iss: "tokens",
        sub: user,
        aud: "test",
        jti: "1",
        iat: now,
        nbf: now - 60,
        exp: now + 600,
      },
      access,
    };
    const encoded = [{ typ: "JWT", alg: "ES256", x5c: [chain] }, claims].map((part) =>
      Buffer.from(JSON.stringify(part)).toString("base64url"),
    );
    const text = encoded.join(".");
    const key = { key: this.#signer.key, dsaEncoding: "ieee-p1363" } as const;
    return `${text}.${sign("sha256", Buffer.from(text), key).toString("base64url")}`;
  }
}
