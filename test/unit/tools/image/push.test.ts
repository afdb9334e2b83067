import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { readChallenge } from "#tools/image/push/authorization.ts";
import { credentialsFor, NoCredentials } from "#tools/image/push/credentials.ts";
import { NoPlace, placeOf, repositoryIn } from "#tools/image/push/place.ts";

describe("where images are pushed to", () => {
  it("is a host and a path, by TLS", () => {
    const place = placeOf("registry.example.com:5000/team/holdfast/");
    assert.deepEqual(place, {
      host: "registry.example.com:5000",
      path: "team/holdfast",
      url: "https://registry.example.com:5000",
    });
    assert.equal(repositoryIn(place, "holdfast-etcd"), "team/holdfast/holdfast-etcd");
    assert.equal(repositoryIn(placeOf("example.com"), "holdfast-etcd"), "holdfast-etcd");
  });

  it("is without TLS only on this machine", () => {
    for (const host of ["localhost:5000", "127.0.0.1:5000", "[::1]:5000", "localhost"])
      assert.equal(placeOf(`${host}/a`).url, `http://${host}`);
    for (const host of ["localhost.example.com", "127.0.0.10:5000", "10.0.0.1"])
      assert.equal(placeOf(`${host}/a`).url, `https://${host}`);
  });

  for (const wrong of [
    "",
    "https://example.com/a",
    "example.com/Upper",
    "example.com/a:1",
    "a b",
    "example.com//a",
  ]) {
    it(`is not '${wrong}'`, () => {
      assert.throws(() => placeOf(wrong), NoPlace);
    });
  }
});

describe("who pushes", () => {
  let folder: string;
  const host = "example.com:5000";

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "holdfast-docker-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const withSettings = async (settings: unknown) => {
    const text = typeof settings === "string" ? settings : JSON.stringify(settings);
    await writeFile(path.join(folder, "config.json"), text);
    return credentialsFor(host, { DOCKER_CONFIG: folder });
  };
  const basic = Buffer.from("docker:of:colons").toString("base64");

  it("is told by two variables, before all else", async () => {
    const env = { DOCKER_CONFIG: folder, REGISTRY_USER: "me", REGISTRY_PASSWORD: "p" };
    const told = { kind: "password", user: "me", password: "p" };
    assert.deepEqual(await credentialsFor(host, env), told);
    const half = credentialsFor(host, { ...env, REGISTRY_USER: "" });
    await assert.rejects(half, NoCredentials);
  });

  it("is who has logged in with Docker at that host", async () => {
    const docker = { kind: "password", user: "docker", password: "of:colons" };
    assert.deepEqual(await withSettings({ auths: { [host]: { auth: basic } } }), docker);
    assert.deepEqual(
      await withSettings({ auths: { [`https://${host}/v1/`]: { auth: basic } } }),
      docker,
    );
    assert.equal(await withSettings({ auths: { "example.com": { auth: basic } } }), undefined);
    const token = { [host]: { auth: basic, identitytoken: "t" } };
    assert.deepEqual(await withSettings({ auths: token }), { kind: "token", token: "t" });
  });

  it("is nobody without settings", async () => {
    assert.equal(await credentialsFor(host, { DOCKER_CONFIG: folder }), undefined);
  });

  it("is told by the program that keeps Docker's passwords", async () => {
    const program = path.join(folder, "docker-credential-holdfast-test");
    const answers = `#!/bin/sh\nread host\n[ "$host" = ${host} ] && printf '{"Username":"kept","Secret":"s"}'\n`;
    await writeFile(program, answers);
    await chmod(program, 0o755);
    const before = process.env["PATH"];
    process.env["PATH"] = `${folder}:${before ?? ""}`;
    try {
      const kept = { kind: "password", user: "kept", password: "s" };
      assert.deepEqual(await withSettings({ credsStore: "holdfast-test" }), kept);
      assert.deepEqual(await withSettings({ credHelpers: { [host]: "holdfast-test" } }), kept);
      const other = credentialsFor("other.example.com", { DOCKER_CONFIG: folder });
      assert.equal(await other, undefined);
    } finally {
      process.env["PATH"] = before;
    }
  });

  it("is not guessed where the settings cannot be read", async () => {
    await assert.rejects(withSettings("{"), /config\.json cannot be read/);
    await assert.rejects(withSettings({ auths: { [host]: { auth: "bm9uZQ==" } } }), NoCredentials);
    await assert.rejects(withSettings({ credsStore: "that-is-not-there" }), NoCredentials);
  });
});

describe("what a registry asks for", () => {
  it("is read with its parts, quoted or not", () => {
    const header = 'Bearer realm="https://a/t?x=1,2",service=b,scope="repository:a/b:pull,push"';
    assert.deepEqual(readChallenge(header), {
      scheme: "bearer",
      parts: { realm: "https://a/t?x=1,2", service: "b", scope: "repository:a/b:pull,push" },
    });
    assert.deepEqual(readChallenge("Basic"), { scheme: "basic", parts: {} });
  });
});
