/**
 * A sidecar that comes with a certificate for a user that etcd does not have yet: the exchange of identities may give it one
 * before the operator has made the user. It waits, says why, and begins when the user is there.
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { EtcdAdmin } from "#operator/etcd-admin/admin.ts";
import { accessName } from "#operator/etcd-admin/namespace-access.ts";
import { NamespaceUsers } from "#operator/etcd-admin/namespace-users.ts";
import { EtcdServer } from "../support/etcd-server.ts";
import { testRuntime } from "../support/etcd-users.ts";
import { SidecarProcess } from "../support/sidecar-process.ts";
import { Certificates } from "./etcd/certificates.ts";

const never = new AbortController().signal;

async function adminBy(
  etcd: EtcdServer,
  files: { readonly ca: string; readonly cert: string; readonly key: string },
): Promise<EtcdAdmin> {
  const { ca, cert, key } = files;
  const [trusted, own, secret] = await Promise.all([readFile(ca), readFile(cert), readFile(key)]);
  const tls = { ca: trusted, cert: own, key: secret };
  const made = EtcdAdmin.start({ endpoints: etcd.endpoints, tls }, testRuntime);
  assert.equal(made.kind, "done");
  return made.value;
}

async function switchOn(admin: EtcdAdmin): Promise<void> {
  const options = { no_password: true };
  await admin.ask((etcd, how) => etcd.auth.userAdd({ name: "root", options }, how));
  await admin.ask((etcd, how) => etcd.auth.roleAdd({ name: "root" }, how));
  await admin.ask((etcd, how) => etcd.auth.userGrantRole({ user: "root", role: "root" }, how));
  const on = await admin.ask((etcd, how) => etcd.auth.authEnable(how));
  assert.equal(on.kind, "done");
}

for (const version of ["3.7", "3.6"] as const)
  describe(`a sidecar with a certificate for etcd ${version}`, function () {
    this.timeout(60_000);

    it("waits where its user is not made yet, says so, and begins with the user", async () => {
      await using stack = new AsyncDisposableStack();
      const certificates = stack.use(await Certificates.start());
      await certificates.authority("ours");
      const ca = certificates.path("ours.crt");
      const server = await certificates.issue("etcd", { by: "ours" });
      const root = await certificates.issue("root", { by: "ours" });
      const shop = await certificates.issue(accessName("shop"), { by: "ours" });
      const tls = { ...server, clientCa: ca };
      const etcd = stack.use(await EtcdServer.start({ version, noFsync: true, tls }));
      const admin = stack.use(await adminBy(etcd, { ca, ...root }));
      await switchOn(admin);
      const sidecar = stack.use(
        await SidecarProcess.start({
          ...{ etcd: etcd.endpoint, unready: true, sessionTtl: "3s" },
          env: {
            HOLDFAST_NAMESPACE: "shop",
            HOLDFAST_ETCD_CA_FILE: ca,
            HOLDFAST_ETCD_CERT_FILE: shop.cert,
            HOLDFAST_ETCD_KEY_FILE: shop.key,
          },
        }),
      );
      const { missing } = await sidecar.said("not ready");
      assert.match(String(missing), /permission denied/);
      const users = new NamespaceUsers({
        ...{ admin: () => admin, runtime: testRuntime, mayAct: () => true },
      });
      const wanted = { namespace: "shop", password: undefined, proof: "check" } as const;
      assert.deepEqual(await users.ensure(wanted, never), { kind: "done", value: "made" });
      await sidecar.said("session with etcd");
      const next = await sidecar.said("not ready", sidecar.mark);
      assert.deepEqual(next["missing"], ["resources: nobody has set the fence base in etcd yet"]);
      const quiet = sidecar.lines.filter(({ message }) => message.includes("be read from"));
      assert.equal(quiet.length, 1);
    });
  });
