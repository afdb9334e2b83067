import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempDisposable, readFile, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import tls from "node:tls";
import { promisify } from "node:util";
import {
  certify,
  issue as issueUntil,
  keyPem,
  makeAuthority,
  readAuthority,
  type Authority,
  type Subject,
} from "#operator/identity/x509/certificate.ts";

const validity = { fromMs: Date.now() - 60_000, untilMs: Date.now() + 3_600_000 };
const authority = (name: string) => makeAuthority(name, validity);

function issue(by: Authority, subject: Subject, use: "client" | readonly string[]) {
  const server = typeof use !== "string";
  return issueUntil(by, {
    ...{ subject, validity },
    ...{ uses: [server ? "server" : "client"], hosts: server ? use : [] },
  });
}

describe("certificates", () => {
  const ca = authority("some-ca");

  it("name the user and the group, as Kubernetes reads them", () => {
    const { certificate } = issue(ca, { name: "system:node:one", group: "system:nodes" }, "client");
    assert.equal(new X509Certificate(certificate).subject, "O=system:nodes\nCN=system:node:one");
  });

  it("are signed by their authority, and by no other", () => {
    const leaf = new X509Certificate(issue(ca, { name: "one" }, "client").certificate);
    const signer = new X509Certificate(ca.certificate);
    assert.ok(leaf.checkIssued(signer));
    assert.ok(leaf.verify(signer.publicKey));
    assert.equal(
      leaf.verify(new X509Certificate(authority("some-ca").certificate).publicKey),
      false,
    );
    assert.equal(leaf.ca, false);
    assert.equal(signer.ca, true);
  });

  it("of a server name all its hosts", () => {
    const hosts = ["kubernetes.default.svc", "127.0.0.1", "10.96.0.1"];
    const leaf = new X509Certificate(issue(ca, { name: "api" }, hosts).certificate);
    assert.equal(
      leaf.subjectAltName,
      "DNS:kubernetes.default.svc, IP Address:127.0.0.1, IP Address:10.96.0.1",
    );
    assert.deepEqual(leaf.keyUsage, ["1.3.6.1.5.5.7.3.1"]);
  });

  it("have a positive serial number each of their own", () => {
    const serials = Array.from(
      { length: 32 },
      () => new X509Certificate(issue(ca, { name: "one" }, "client").certificate).serialNumber,
    );
    assert.equal(new Set(serials).size, serials.length);
    for (const serial of serials) assert.doesNotMatch(serial, /^-/);
  });

  it("belong to the key that is written beside them", () => {
    const { certificate, key } = issue(ca, { name: "one" }, "client");
    assert.ok(new X509Certificate(certificate).checkPrivateKey(createPrivateKey(keyPem(key))));
  });

  it("are for a public key whose private half stays where it was made", () => {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const wanted = { subject: { name: "one" }, uses: ["client"], publicKey, validity } as const;
    const leaf = new X509Certificate(certify(ca, wanted));
    assert.ok(leaf.checkPrivateKey(privateKey));
    assert.equal(leaf.verify(new X509Certificate(ca.certificate).publicKey), true);
  });

  it("are valid just as long as was asked for, before and after the year 2050", () => {
    for (const until of ["2049-12-31T23:59:59Z", "2050-01-01T00:00:00Z"]) {
      const untilMs = Date.parse(until);
      const { certificate } = issueUntil(ca, {
        ...{ subject: { name: "one" }, uses: ["client"], validity: { fromMs: 0, untilMs } },
      });
      assert.equal(new X509Certificate(certificate).validToDate.getTime(), untilMs);
      assert.equal(new X509Certificate(certificate).validFromDate.getTime(), 0);
    }
  });

  it("come from an authority that is read again, and only with its own key", () => {
    const again = readAuthority(ca.certificate, keyPem(ca.key));
    const leaf = new X509Certificate(issue(again, { name: "one" }, "client").certificate);
    assert.ok(leaf.checkIssued(new X509Certificate(ca.certificate)));
    const other = keyPem(authority("other").key);
    assert.throws(() => readAuthority(ca.certificate, other), /not the certificate's/);
    const { certificate, key } = issue(ca, { name: "one" }, "client");
    assert.throws(() => readAuthority(certificate, keyPem(key)), /none of an authority/);
  });

  it("come from an authority of others, with its own form of a name and an RSA key", async () => {
    await using folder = await mkdtempDisposable(path.join(tmpdir(), "holdfast-ca-"));
    const [certificate, key] = ["ca.crt", "ca.key"].map((name) => path.join(folder.path, name));
    assert.ok(certificate && key);
    const subject = "/C=DE/O=Some Company/OU=Platform/CN=Some Root";
    const args = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", subject];
    const usage = ["-addext", "keyUsage=critical,keyCertSign"];
    await promisify(execFile)("openssl", [...args, ...usage, "-keyout", key, "-out", certificate]);
    const theirs = readAuthority(await readFile(certificate), await readFile(key));
    const one = issue(theirs, { name: "ns:shop" }, "client");
    const file = path.join(folder.path, "one.crt");
    await writeFile(file, one.certificate);
    const verify = ["verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", certificate];
    const { stdout } = await promisify(execFile)("openssl", [...verify, file]);
    assert.match(stdout, /: OK/);
    const leaf = new X509Certificate(one.certificate);
    assert.equal(leaf.issuer, "C=DE\nO=Some Company\nOU=Platform\nCN=Some Root");
  });

  it("are taken by both ends of a TLS connection", async () => {
    const server = issue(ca, { name: "server" }, ["127.0.0.1"]);
    const client = issue(ca, { name: "client", group: "people" }, "client");
    const listener = tls.createServer({
      ...{ cert: server.certificate, key: keyPem(server.key), ca: ca.certificate },
      ...{ requestCert: true, rejectUnauthorized: true },
    });
    listener.on("secureConnection", (socket) => {
      socket.end(String(socket.getPeerCertificate().subject.CN));
    });
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    const { port } = listener.address() as AddressInfo;
    const socket = tls.connect({
      ...{ host: "127.0.0.1", port, ca: ca.certificate },
      ...{ cert: client.certificate, key: keyPem(client.key) },
    });
    const [greeting] = (await once(socket.setEncoding("utf8"), "data")) as [string];
    assert.equal(greeting, "client");
    socket.destroy();
    listener.close();
    await once(listener, "close");
  });
});
