import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { OptionsRefused, readOptions } from "#host/options.ts";
import { checkTogether, defaultPod, options } from "#sidecar/options.ts";

function values(env: Record<string, string>) {
  const read = readOptions(options, { env, args: [] });
  assert.ok(read.kind === "values");
  checkTogether(read.values);
  return read.values;
}

function refusal(env: Record<string, string>): string {
  try {
    values(env);
  } catch (error) {
    assert.ok(error instanceof OptionsRefused);
    return error.message;
  }
  return assert.fail("the options were taken");
}

describe("the sidecar's options", () => {
  it("have the defaults of the design", () => {
    const read = values({});
    assert.equal(read.namespace, "default");
    assert.equal(read.sessionTtl, 10_000);
    assert.deepEqual(read.httpAddress, { kind: "loopback", port: 4653 });
    assert.deepEqual(read.healthAddress, { kind: "all", port: 4655 });
    assert.deepEqual(read.etcdEndpoints, ["http://127.0.0.1:2379"]);
    assert.equal(read.resources, undefined);
    assert.equal(read.readyNeedsEtcd, false);
  });

  it("make a pod's name that no other process of this machine has", () => {
    assert.ok(defaultPod().endsWith(`-${String(process.pid)}`));
  });

  const wrong: [Record<string, string>, RegExp][] = [
    [{ HOLDFAST_SESSION_TTL: "2s" }, /HOLDFAST_SESSION_TTL: '2s' is less than 3s/],
    [{ HOLDFAST_RESOURCES: "/no/such/folder" }, /HOLDFAST_RESOURCES: .* cannot be read/],
    [{ HOLDFAST_STATE_FOLDER: "/no/such/folder" }, /HOLDFAST_STATE_FOLDER: .* cannot be read/],
    [{ HOLDFAST_STATE_FOLDER: process.execPath }, /HOLDFAST_STATE_FOLDER: .* is no folder/],
    [{ HOLDFAST_STATE_FOLDER: "/", HOLDFAST_RESOURCES: "/" }, /Leave one of them out/],
    [{ HOLDFAST_HTTP_ADDRESS: "4653" }, /HOLDFAST_HTTP_ADDRESS: '4653' has no port/],
    [{ HOLDFAST_ETCD_ENDPOINTS: "localhost:2379" }, /HOLDFAST_ETCD_ENDPOINTS/],
    [{ HOLDFAST_ETCD_CERT_FILE: process.execPath }, /HOLDFAST_ETCD_KEY_FILE: is missing/],
    [{ HOLDFAST_ETCD_PASSWORD_FILE: process.execPath }, /HOLDFAST_ETCD_USERNAME: is missing/],
    [{ HOLDFAST_ETCD_CA_FILE: process.execPath }, /does not use the certificates/],
    [{ HOLDFAST_ALLOWED_HOSTS: "http://a" }, /HOLDFAST_ALLOWED_HOSTS: .*no host name/],
    [{ HOLDFAST_POD: "a b" }, /HOLDFAST_POD: 'a b' is no name/],
    [{ HOLDFAST_LOG_LEVEL: "loud" }, /HOLDFAST_LOG_LEVEL: 'loud' is none of debug/],
  ];
  for (const [env, expected] of wrong) {
    it(`are refused by name: ${JSON.stringify(env)}`, () => {
      assert.match(refusal(env), expected);
    });
  }
});
