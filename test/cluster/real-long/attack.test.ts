/**
 * Namespaces that do not trust each other, on a whole installation in which NetworkPolicies are enforced: what pods reach, and
 * what they can do with each other's things when they come with all that they have. What is let through in spite of all is
 * a test, too: docs/operations/isolation.md and identity.md tell it.
 */
import assert from "node:assert/strict";
import { createPublicKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { identityAudience, identityPath, type IdentityAnswer } from "#api/identity.ts";
import { issue, keyPem, makeAuthority } from "#operator/identity/x509/certificate.ts";
import { publicKey } from "#test/support/identity-asker.ts";
import { nodeAddress } from "#tools/cluster/real/site.ts";
import { until } from "#tools/cluster/until.ts";
import {
  denyAll,
  documentedPolicy,
  partlyOpen,
  podNamed,
  reviewOf,
  thiefPod,
} from "../real/attackers.ts";
import { fileOf, PodNetwork, processOf, type Answered, type Asked } from "../real/inside.ts";
import { Installation, sidecarOf, system } from "../real/installation.ts";
import { Intruder, nameIn, takenFrom } from "../real/intruder.ts";

const data = "/holdfast/v1/data/";
const spec = "/holdfast/v1/spec/";
const operator = `holdfast-operator.${system}.svc`;
/** What is said where nothing is let through: the enforcer answers that nobody is there. */
const noWay = { failed: "ECONNREFUSED" } as const;
const lockOfBlue = "secret-of-blue";

describe("namespaces that attack each other", function () {
  this.timeout(400_000);
  let made: Installation;
  let files: string;
  let red: PodNetwork;
  let thief: PodNetwork;
  let intruder: Intruder;
  let admin: Intruder;

  const podIp = (namespace: string, pod: string): Promise<string> =>
    made.kubectl("get", "pod", pod, "-n", namespace, "-o", "jsonpath={.status.podIP}");

  before(async () => {
    files = await mkdtemp(path.join(tmpdir(), "holdfast-attack-"));
    made = await Installation.prepare({ policies: true });
    await made.install(
      ...["--set", "networkPolicies.enabled=true"],
      ...["--set", `networkPolicies.webhookCidrs={${nodeAddress}/32}`],
      ...["--set", "networkPolicies.metricsNamespaces={monitoring}"],
    );
    for (const namespace of ["red", "blue", "locked", "barred"])
      await made.openNamespace(namespace);
    for (const namespace of ["locked", "barred"]) await made.apply(namespace, denyAll);
    await made.apply("locked", documentedPolicy());
    await made.apply("barred", partlyOpen("with-dns", 1), partlyOpen("without-etcd", 2));
    // All at once: the barred ones take their minute to give up.
    for (const pod of ["barred", "with-dns", "without-etcd"])
      await made.start("barred", pod, { lock: "1" });
    await made.start("red", "attacker", { lock: "1" });
    await made.start("blue", "victim", { lock: lockOfBlue });
    await made.start("locked", "locked-in", { lock: "1" });
    await made.apply("red", thiefPod);
    await made.kubectl("wait", "pod/thief", "-n", "red", "--for=condition=Ready", "--timeout=60s");
    await made.wroteAt({ namespace: "red", pod: "attacker" }, "granted");
    await made.wroteAt({ namespace: "blue", pod: "victim" }, "granted");
    red = await PodNetwork.of("attacker", files);
    thief = await PodNetwork.of("thief", files);
    const taken = takenFrom("attacker");
    intruder = await Intruder.come(red, taken, path.join(files, "red"));
    const operatorPod = await PodNetwork.of(await nameOf("operator"), files);
    const { ca, endpoint } = taken;
    const asAdmin = { ca, endpoint, ...(await certificateIn("holdfast-etcd-admin")) };
    admin = await Intruder.come(operatorPod, asAdmin, path.join(files, "admin"));
  });
  // Absent where it could not be started, which has been told then.
  after(async () => {
    await made?.close();
    await rm(files, { recursive: true });
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await made.tell();
  });

  async function certificateIn(name: string): Promise<{ cert: string; key: string }> {
    const secret = JSON.parse(
      await made.kubectl("get", "secret", name, "-n", system, "-o", "json"),
    ) as { data: Record<string, string> };
    const read = (field: string): string =>
      Buffer.from(secret.data[field] ?? "", "base64").toString();
    return { cert: read("tls.crt"), key: read("tls.key") };
  }

  async function nameOf(component: string): Promise<string> {
    const selector = `app.kubernetes.io/component=${component}`;
    const named = ["-o", "jsonpath={.items[0].metadata.name}"];
    return made.kubectl("get", "pods", "-n", system, "-l", selector, ...named);
  }

  it("start where all is denied but what the documentation lets out", async () => {
    await made.wroteAt({ namespace: "locked", pod: "locked-in" }, "granted", 90_000);
    assert.doesNotMatch(await made.logs("locked", "locked-in"), /failed/);
  });

  it("are held to it: nothing else is reached from there, and nothing in there from elsewhere", async () => {
    const locked = await PodNetwork.of("locked-in", files);
    const health = (ip: string): string => `http://${ip}:4655/livez`;
    const victim = await podIp("blue", "victim");
    assert.deepEqual(await locked.ask({ url: health(victim) }), noWay);
    assert.deepEqual(await red.ask({ url: health(await podIp("locked", "locked-in")) }), noWay);
    // The same question where nothing is denied.
    assert.equal(statusOf(await red.ask({ url: health(victim) })), 200);
  });

  it("who are no sidecars reach neither etcd nor metrics nor webhooks, only the exchange", async () => {
    const etcd = await podIp(system, "holdfast-etcd-0");
    for (const url of [
      "https://holdfast-etcd.holdfast-system.svc:2379/health",
      ...[`https://${etcd}:2379/health`, `https://${etcd}:2380/members`],
      `http://${etcd}:2381/metrics`,
      `http://${await podIp(system, await nameOf("operator"))}:4655/metrics`,
      `https://${operator}/inject`,
    ])
      assert.deepEqual(await thief.ask({ url }), noWay, url);
    // One with a sidecar reaches etcd for clients in addition, and no other of these.
    assert.deepEqual(await red.ask({ url: `https://${etcd}:2380/members` }), noWay);
    assert.deepEqual(await red.ask({ url: `http://${etcd}:2381/metrics` }), noWay);
    const exchange = await thief.ask({ url: `https://${operator}:4658${identityPath}` });
    assert.equal(statusOf(exchange), 405);
  });

  describe("with the certificate of a namespace", () => {
    const refuses = async (line: string, input?: string): Promise<void> => {
      const words = line.split(" ").map((word) => (word === "NUL" ? "" : word));
      const said = await intruder.refused(words, input);
      assert.match(said ?? "it was done", /permission denied/, line);
    };

    it("read, watch, write and delete nothing of another's, and no spec", async () => {
      assert.equal(nameIn(takenFrom("attacker").cert), "ns:red");
      // They are let in, and are who they are.
      assert.match(
        await intruder.does("get", "--prefix", `${data}red/`, "--keys-only"),
        /sessions/,
      );
      const before = await admin.does("get", "--prefix", `${data}blue/`, "--keys-only");
      assert.match(before, /blue\/sessions/);
      const key = before.split("\n", 1)[0] ?? "";
      for (const range of [key, `--prefix ${data}blue/`, `--prefix ${data}`, "--from-key NUL"]) {
        await refuses(`get ${range}`);
        await refuses(`get --rev=2 ${range}`);
        if (!range.startsWith("--from-key")) await refuses(`watch --rev=1 --prev-kv ${range}`);
        await refuses(`del ${range}`);
      }
      await refuses(`put ${key} mine`);
      for (const place of [
        "red/DistributedLock/orders",
        "blue/DistributedLock/orders",
        "installation",
      ]) {
        await refuses(`put ${spec}${place} mine`);
        await refuses(`del ${spec}${place}`);
      }
      await refuses(`get --prefix ${spec}`);
      await refuses("txn", `\nput ${data}red/x 1\n\nput ${key} mine\n\n`);
      await refuses("txn", `ver("${key}") > "0"\n\nput ${data}red/x 1\n\n\n`);
      // etcd's own locks and elections are keys, too.
      await refuses(`lock ${data}blue/orders`);
      await refuses(`elect ${data}blue/orders me`);
      assert.equal(await admin.does("get", "--prefix", `${data}blue/`, "--keys-only"), before);
      assert.equal(await admin.does("get", `${data}red/x`), "");
    });

    it("end and renew no session of another's, nor learn what hangs on it; that it lives they can ask", async () => {
      const sessions = ["get", "--prefix", `${data}blue/sessions/`, "--write-out=json"];
      // As a number of JavaScript it would lose its end.
      const found = /"lease":(\d+)/.exec(await admin.does(...sessions))?.[1];
      assert.ok(found !== undefined);
      const lease = BigInt(found).toString(16);
      await refuses(`lease revoke ${lease}`);
      await refuses(`lease keep-alive --once ${lease}`);
      await refuses(`lease timetolive --keys ${lease}`);
      await refuses(`put --lease=${lease} ${data}red/x 1`);
      await refuses("lease list");
      assert.match(await intruder.does("lease", "timetolive", lease), /remaining/);
    });

    it("change nothing of users, members and the database", async () => {
      for (const line of [
        "user list",
        "user get ns:blue",
        "user add evil --no-password",
        "user grant-role ns:red root",
        "user delete ns:blue",
        "role list",
        "role get ns:blue",
        "role grant-permission ns:red readwrite --prefix /",
        "role delete ns:blue",
        "auth disable",
        "member add x --peer-urls=https://127.0.0.1:1",
        "member remove 1",
        "member update 1 --peer-urls=https://127.0.0.1:1",
        "member promote 1",
        "defrag",
        "endpoint hashkv",
        "compaction 1",
        "move-leader 1",
        "downgrade enable 3.6",
        "downgrade cancel",
        `snapshot save ${path.join(files, "stolen.db")}`,
      ])
        await refuses(line);
    });

    it("see of etcd what the documentation says", async () => {
      assert.match(await intruder.does("member", "list"), /holdfast-etcd-0/);
      assert.match(await intruder.does("endpoint", "status"), /3\.7/);
      assert.equal(await intruder.does("alarm", "list"), "");
      assert.match(await intruder.does("auth", "status"), /AuthRevision/);
      assert.match(await intruder.does("user", "get", "ns:red"), /ns:red/);
      assert.match(await intruder.does("role", "get", "ns:red"), /data\/red/);
    });

    it("are no other user by a password, nor by a certificate that they sign themselves", async () => {
      for (const user of ["root", "ns:blue"])
        assert.match(
          (await intruder.refused([`--user=${user}:${user}`, "get", `${data}blue/`])) ?? "",
          /authentication failed/,
        );
      const { endpoint, ca } = takenFrom("attacker");
      const asked = { url: `${endpoint}/version`, ca };
      assertSentAway(await red.ask(asked));
      assertSentAway(await red.ask({ ...asked, ...signedByThemselves("root") }));
    });

    it("read over etcd's HTTP how it is, as documented, and nothing of what is stored", async () => {
      const { endpoint, ...taken } = takenFrom("attacker");
      const range = JSON.stringify({ key: Buffer.from(data).toString("base64") });
      const gateway = { url: `${endpoint}/v3/kv/range`, method: "POST", body: range } as const;
      assert.equal(statusOf(await red.ask({ ...gateway, ...taken })), 404);
      for (const page of ["metrics", "health", "version", "debug/vars"]) {
        const answer = await red.ask({ url: `${endpoint}/${page}`, ...taken });
        assert.ok("text" in answer && answer.status === 200, page);
        assert.doesNotMatch(answer.text, /holdfast\/v1|ns:|blue|PRIVATE KEY/, page);
      }
    });

    it("are no member of etcd", async () => {
      // From inside its own pod, where no policy stands before the peers' port.
      const etcd = await PodNetwork.of("holdfast-etcd-0", files);
      // By its address: etcd compares the names in a member's certificate with where it comes from.
      const asked = { url: `https://${await podIp(system, "holdfast-etcd-0")}:2380/members` };
      const { cert, key } = takenFrom("attacker");
      assertSentAway(await etcd.ask({ ...asked, cert, key }));
      const member = await certificateIn("holdfast-etcd-peer");
      assert.equal(statusOf(await etcd.ask({ ...asked, ...member })), 200);
    });
  });

  describe("at the exchange", () => {
    const ask = (token: string, body: object): Promise<Answered> =>
      thief.ask({
        url: `https://${operator}:4658${identityPath}`,
        method: "POST",
        headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
        body: JSON.stringify(body),
      });
    const tokenOf = (name: string): string =>
      readFileSync(fileOf(processOf("thief"), `tokens/${name}`), "utf8");
    const codeOf = (answer: Answered): string =>
      "text" in answer ? (JSON.parse(answer.text) as { code: string }).code : answer.failed;

    it("get the certificate of the namespace that the token is of, whatever they say, and for whichever key", async () => {
      const keyOfBlue = new X509Certificate(takenFrom("victim").cert).publicKey;
      const pem = keyOfBlue.export({ type: "spki", format: "pem" });
      const asked = { publicKey: pem, namespace: "blue", user: "ns:blue", subject: "CN=root" };
      const answer = await ask(tokenOf("ours"), asked);
      assert.ok("text" in answer && answer.status === 200, JSON.stringify(answer));
      const { namespace, certificate } = JSON.parse(answer.text) as IdentityAnswer;
      assert.deepEqual([namespace, nameIn(certificate ?? "")], ["red", "ns:red"]);
      // For a key that the asker does not have: no harm is in it.
      assert.ok(createPublicKey(certificate ?? "").equals(keyOfBlue));
    });

    it("get none by a token for another audience, for the API server, or of no pod", async () => {
      const body = { publicKey: publicKey() };
      assert.equal(codeOf(await ask(tokenOf("others"), body)), "token_refused");
      assert.equal(codeOf(await ask(tokenOf("api"), body)), "token_refused");
      const audience = `--audience=${identityAudience}`;
      const loose = await made.kubectl("create", "token", "default", "-n", "blue", audience);
      assert.equal(codeOf(await ask(loose, body)), "not_a_pod");
      const [head, claims, sign] = tokenOf("ours").split(".");
      const forged = Buffer.from(claims ?? "", "base64url")
        .toString()
        .replaceAll(":red:", ":blue:");
      const token = [head, Buffer.from(forged).toString("base64url"), sign].join(".");
      assert.equal(codeOf(await ask(token, body)), "token_refused");
    });

    it("get none for what is no public key of the right kind", async () => {
      for (const bad of [
        { publicKey: takenFrom("attacker").cert },
        { publicKey: takenFrom("attacker").key },
        { publicKey: publicKey("P-384") },
      ])
        assert.equal(codeOf(await ask(tokenOf("ours"), bad)), "key_refused");
      const csr = { csr: "-----BEGIN CERTIFICATE REQUEST-----" };
      assert.equal(codeOf(await ask(tokenOf("ours"), csr)), "malformed");
    });
  });

  it("do not reach the API of another's sidecar; its health and metrics they do, which name pools and no lock", async () => {
    const victim = await podIp("blue", "victim");
    for (const port of [4653, 4654])
      assert.deepEqual(await red.ask({ url: `http://${victim}:${port}/v1/session` }), noWay);
    const answer = await red.ask({ url: `http://${victim}:4655/metrics` });
    assert.ok("text" in answer && answer.status === 200);
    assert.match(answer.text, /holdfast_lock_held\{pool="orders"\} 1/);
    assert.doesNotMatch(answer.text, new RegExp(lockOfBlue));
    const posted = await red.ask({ url: `http://${victim}:4655/metrics`, method: "POST" });
    assert.equal(statusOf(posted), 405);
  });

  it("have no effect by questions of their own to the webhooks but an Event: where no policy stands before them", async () => {
    const inOperator = await PodNetwork.of(await nameOf("operator"), files);
    const asked = (request: object) =>
      inOperator.ask({
        url: "https://127.0.0.1:4656/inject",
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(reviewOf(request)),
      });
    const seen = await asked({ namespace: "blue", object: podNamed("forged") });
    assert.ok("text" in seen && seen.status === 200, JSON.stringify(seen));
    assert.match(seen.text, /"allowed":true/);
    const patch = /"patch":"([^"]+)"/.exec(seen.text)?.[1] ?? "";
    assert.doesNotMatch(Buffer.from(patch, "base64").toString(), /PRIVATE KEY|eyJ/);
    await assert.rejects(podIp("blue", "forged"), /not found/);
    const refused = await asked({
      namespace: "blue",
      object: podNamed("forged", { owner: "not-there", hostNetwork: true }),
    });
    assert.ok("text" in refused && /"allowed":false/.test(refused.text), JSON.stringify(refused));
    const field = "regarding.name=not-there";
    await until("the Event", async () =>
      (
        await made.kubectl("get", "events.events.k8s.io", "-n", "blue", "--field-selector", field)
      ).includes("HostNetwork"),
    );
  });

  describe("in the end", () => {
    it("do not start without their way out, and the sidecar's last word names the step", async () => {
      const barred = (...args: readonly string[]) => made.kubectl(...args, "-n", "barred");
      for (const [pod, step] of [
        ["barred", "DNS"],
        ["with-dns", "connect"],
      ] as const)
        assert.match(await lastWordOf(pod), new RegExp(`The last try failed at ${step}`), pod);
      const log = await barred("logs", "without-etcd", "-c", "holdfast");
      assert.match(log, /etcd: not connected/);
      const apps = "jsonpath={.items[*].status.containerStatuses[*].state.waiting.reason}";
      assert.equal((await barred("get", "pods", "-o", apps)).split(" ").length, 3);
    });

    it("have lost nothing by all of this", async () => {
      for (const [namespace, pod] of [
        ["blue", "victim"],
        ["locked", "locked-in"],
      ] as const) {
        assert.doesNotMatch(await made.logs(namespace, pod), /lost|failed|regranted/);
        assert.ok(sidecarOf(pod) > 0);
      }
      made.cluster.component("policies").needRunning();
    });
  });

  async function lastWordOf(pod: string): Promise<string> {
    let said = "";
    const statuses = "jsonpath={.status.initContainerStatuses[0]}";
    await until(
      `the last word of ${pod}'s sidecar`,
      async () => {
        said = await made.kubectl("get", "pod", pod, "-n", "barred", "-o", statuses);
        return said.includes('"message":"No identity');
      },
      { withinMs: 150_000 },
    );
    return said;
  }
});

const statusOf = (answer: Answered): number | string =>
  "status" in answer ? answer.status : answer.failed;

/** By TLS, before anything was asked. */
function assertSentAway(answer: Answered): void {
  const isSo = "failed" in answer && /SSL|ECONNRESET|EPIPE/.test(answer.failed);
  assert.ok(isSo, JSON.stringify(answer));
}

function signedByThemselves(name: string): Pick<Asked, "cert" | "key"> {
  const validity = { fromMs: Date.now() - 60_000, untilMs: Date.now() + 3_600_000 };
  const own = makeAuthority("theirs", validity);
  const made = issue(own, { subject: { name }, uses: ["client"], validity });
  return { cert: made.certificate, key: keyPem(made.key) };
}
