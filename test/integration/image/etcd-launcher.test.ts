/** The entrypoint of the image holdfast-etcd, with the real etcd behind it: whom it lets in, and when. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import https from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import {
  issue,
  keyPem,
  makeAuthority,
  type Identity,
} from "#operator/identity/x509/certificate.ts";
import { EtcdMember } from "#test/support/etcd-member.ts";
import { freePorts, giveBack } from "#test/support/free-ports.ts";
import { until } from "#tools/cluster/until.ts";
import { fetchEtcd } from "#tools/fetch.ts";
import { buildLauncher } from "#tools/image/images.ts";

const validity = { fromMs: Date.now() - 300_000, untilMs: Date.now() + 3_600_000 };
const authorities = {
  operator: makeAuthority("operator", validity),
  clients: makeAuthority("clients", validity),
  /** Another's of the same name. */
  other: makeAuthority("clients", validity),
};
type AuthorityName = keyof typeof authorities;

const certificateOf = (by: AuthorityName): Identity =>
  issue(authorities[by], { subject: { name: "root" }, uses: ["client"], validity });

/** Between two versions that change nothing; five of them take longer than two looks of the launcher. */
const betweenMs = 500;

describe("the launcher of etcd's image", function () {
  this.timeout(60_000);
  let programs: string;
  let launcher: string;
  let etcd: string;
  let volume: string;
  let member: EtcdMember;
  let ports: number[];
  let versions = 0;
  let env: Readonly<Record<string, string>>;
  let memberOf: (
    program: string,
    before?: readonly string[],
    more?: Readonly<Record<string, string>>,
  ) => EtcdMember;

  before(async () => {
    programs = await mkdtemp(path.join(tmpdir(), "holdfast-launcher-"));
    launcher = await buildLauncher(programs);
    etcd = (await fetchEtcd({ version: "3.7" })).path;
  });
  after(() => rm(programs, { recursive: true, force: true }));
  beforeEach(async () => {
    volume = await mkdtemp(path.join(tmpdir(), "holdfast-launcher-"));
    ports = await freePorts(3);
    ({ memberOf, env } = stage());
    member = memberOf(launcher);
  });
  afterEach(async () => {
    await member.stop();
    giveBack(ports);
    await rm(volume, { recursive: true, force: true });
  });

  const below = (name: string): string => path.join(volume, name);
  const incarnation = (): string => readFileSync(below("incarnation"), "utf8").trim();
  const trusted = (): string => readFileSync(below("run/trusted.crt"), "utf8");

  /** As a kubelet does: a folder of its own for each version, and a link to it that is swapped. */
  function mount(files: Readonly<Record<string, string>>): void {
    const version = `..${++versions}`;
    mkdirSync(below(`trust/${version}`));
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(below(`trust/${version}/${name}`), content);
      if (!existsSync(below(`trust/${name}`)))
        symlinkSync(`..data/${name}`, below(`trust/${name}`));
    }
    symlinkSync(version, below("trust/..next"));
    renameSync(below("trust/..next"), below("trust/..data"));
    rmSync(below(`trust/..${versions - 1}`), { recursive: true, force: true });
  }

  /** What is mounted, with this instead: undefined, not at all. */
  function remount(changed: Readonly<Record<string, string | undefined>>): void {
    const now = readdirSync(below("trust/..data")).map((name) => [
      name,
      readFileSync(below(`trust/${name}`), "utf8"),
    ]);
    const all = { ...(Object.fromEntries(now) as Record<string, string>), ...changed };
    const kept = Object.entries(all).filter((one): one is [string, string] => one[1] !== undefined);
    mount(Object.fromEntries(kept));
  }

  /** A volume and a mounted Secret as the operator makes them, before it has heard of any incarnation. */
  function stage() {
    const server = issue(authorities.clients, {
      ...{ subject: { name: "etcd" }, uses: ["server"], hosts: ["127.0.0.1"], validity },
    });
    mkdirSync(below("trust"));
    mount({
      "operator.crt": authorities.operator.certificate,
      "clients.crt": authorities.clients.certificate,
    });
    writeFileSync(below("server.crt"), server.certificate);
    writeFileSync(below("server.key"), keyPem(server.key));
    writeFileSync(below("peers.crt"), authorities.other.certificate);
    const [clientPort = 0, peerPort = 0, healthPort = 0] = ports;
    const endpoint = `https://127.0.0.1:${clientPort}`;
    const peer = `http://127.0.0.1:${peerPort}`;
    const given = {
      ETCD_DATA_DIR: below("data"),
      HOLDFAST_ETCD_TRUST: below("trust"),
      HOLDFAST_ETCD_RUN: below("run"),
      HOLDFAST_ETCD_PROGRAM: etcd,
      HOLDFAST_ETCD_PEER_URL: peer,
      POD_NAME: "holdfast-etcd-0",
    };
    const args = [
      ...[`--listen-client-urls=${endpoint}`, `--advertise-client-urls=${endpoint}`],
      ...[`--listen-peer-urls=${peer}`, `--initial-advertise-peer-urls=${peer}`],
      ...[`--listen-metrics-urls=http://127.0.0.1:${healthPort}`, "--client-cert-auth"],
      ...[`--cert-file=${below("server.crt")}`, `--key-file=${below("server.key")}`],
      `--peer-trusted-ca-file=${below("peers.crt")}`,
    ];
    const told = { name: "launched", endpoint, clientPort, peerPort };
    const memberOf = (program: string, before: readonly string[] = [], more: object = {}) =>
      new EtcdMember(told, {
        ...{ program, args: [...before, ...args], env: { ...given, ...more } },
        ...{ dataFolder: below("data"), healthPort },
      });
    return { memberOf, env: given };
  }

  async function restart(): Promise<void> {
    await member.stop();
    await member.start();
  }

  /** Whether a client with a certificate of that authority is let in. */
  function letsIn(by: AuthorityName): Promise<boolean> {
    const { certificate, key } = certificateOf(by);
    return new Promise((resolve) => {
      const request = https.get(`${member.endpoint}/version`, {
        ...{ agent: false, ca: authorities.clients.certificate },
        ...{ cert: certificate, key: keyPem(key) },
      });
      request.once("response", (response) => {
        response.resume().once("end", () => {
          resolve(response.statusCode === 200);
        });
      });
      request.once("error", () => {
        resolve(false);
      });
    });
  }

  const letIn = async (): Promise<AuthorityName[]> => {
    const names = Object.keys(authorities) as AuthorityName[];
    const answers = await Promise.all(names.map(letsIn));
    return names.filter((_, at) => answers[at]);
  };

  /** As the operator says that users, roles and auth stand. */
  const saySetUp = (...incarnations: string[]): void => {
    remount({ "clients-of": incarnations.join("\n") });
  };

  it("lets nobody in but the operator when the data begins", async () => {
    await member.start();
    assert.deepEqual(await letIn(), ["operator"]);
    assert.match(incarnation(), /^[0-9a-f]{16}$/);
    assert.equal(trusted(), authorities.operator.certificate);
  });

  it("tells its incarnation by the member's name", async () => {
    await member.start();
    assert.match(member.log, new RegExp(`"name":"holdfast-etcd-0-${incarnation()}"`));
  });

  it("lets clients in once its incarnation is set up, and keeps it over restarts", async () => {
    await member.start();
    const first = incarnation();
    saySetUp("0123456789abcdef", first);
    await restart();
    assert.equal(incarnation(), first);
    assert.deepEqual(await letIn(), ["operator", "clients"]);
    await restart();
    assert.equal(incarnation(), first);
    assert.deepEqual(await letIn(), ["operator", "clients"]);
  });

  it("lets clients in only for its own incarnation", async () => {
    await member.start();
    saySetUp("0123456789abcdef", `${incarnation()}0`);
    await restart();
    assert.deepEqual(await letIn(), ["operator"]);
  });

  it("shuts clients out again when the data was lost", async () => {
    await member.start();
    const first = incarnation();
    saySetUp(first);
    await member.stop();
    rmSync(below("data"), { recursive: true });
    await member.start();
    assert.notEqual(incarnation(), first);
    assert.deepEqual(await letIn(), ["operator"]);
  });

  it("is another cluster then: who knew the old one sees that it is gone", async () => {
    await member.start();
    await member.stop();
    rmSync(below("data"), { recursive: true });
    await member.start();
    const told = [...member.log.matchAll(/"added member","cluster-id":"(\w+)"/g)];
    const ids = told.map((match) => match[1]);
    assert.equal(new Set(ids).size, 2, ids.join());
  });

  it("shuts clients out when only etcd's log was lost: etcd then begins anew", async () => {
    await member.start();
    saySetUp(incarnation());
    await member.stop();
    rmSync(below("data/member/wal"), { recursive: true });
    rmSync(below("data/member/snap"), { recursive: true });
    mkdirSync(below("data/member/wal"));
    await member.start();
    assert.deepEqual(await letIn(), ["operator"]);
  });

  for (const [how, content] of [
    ["half written", "0123456"],
    ["empty", ""],
  ] as const) {
    it(`takes an incarnation that is ${how} for none, on data that it keeps`, async () => {
      await member.start();
      const first = incarnation();
      saySetUp(first, content);
      await member.stop();
      writeFileSync(below("incarnation"), content);
      await member.start();
      assert.notEqual(incarnation(), first);
      assert.match(incarnation(), /^[0-9a-f]{16}$/);
      assert.deepEqual(await letIn(), ["operator"]);
      assert.match(member.log, /no incarnation that can be read/);
    });
  }

  it("is not held up by what a start that was cut short has left", async () => {
    writeFileSync(below("incarnation.half"), "0123", { mode: 0o400 });
    await member.start();
    assert.match(incarnation(), /^[0-9a-f]{16}$/);
    assert.equal(existsSync(below("incarnation.half")), false);
  });

  const childrenOf = (pid: number): number[] =>
    readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);
  const childOf = (pid: number): number => childrenOf(pid)[0] ?? 0;
  /** The process that the launcher has started; 0: none just now. */
  const etcdPid = (): number => childOf(member.pid ?? 0);
  const etcdOver = (): Promise<void> =>
    until("the launcher to end", () => Promise.resolve(!member.running)).then(() => undefined);
  const startsTold = (): number => [...member.log.matchAll(/"msg":"starting etcd"/g)].length;

  it("starts etcd again with the new trust when that is mounted, with the same data", async () => {
    await member.start();
    const [first, pid] = [incarnation(), etcdPid()];
    assert.equal(readlinkSync(`/proc/${pid}/exe`), etcd);
    saySetUp(first);
    await until("clients to be let in", () => letsIn("clients"));
    const next = etcdPid();
    assert.notEqual(next, pid);
    assert.equal(incarnation(), first);
    assert.deepEqual(await letIn(), ["operator", "clients"]);
    remount({ "operator.crt": authorities.other.certificate });
    await until("the operator's next authority to be trusted", () => letsIn("other"));
    assert.deepEqual(await letIn(), ["clients", "other"]);
    assert.notEqual(etcdPid(), next);
    assert.equal(incarnation(), first);
    assert.doesNotMatch(member.log, /it is killed/);
  });

  it("shuts clients out by itself when they are trusted no more", async () => {
    await member.start();
    saySetUp(incarnation());
    await until("clients to be let in", () => letsIn("clients"));
    remount({ "clients-of": "" });
    // An etcd that is just ended may answer one of those who ask at once, and not the other.
    await until(
      "them to be shut out",
      async () =>
        trusted() === authorities.operator.certificate && (await letIn()).join() === "operator",
    );
  });

  it("leaves etcd alone when what is mounted anew says the same", async () => {
    await member.start();
    const pid = etcdPid();
    for (let times = 0; times < 5; times++) {
      saySetUp("0123456789abcdef", String(times));
      await sleep(betweenMs);
    }
    assert.equal(etcdPid(), pid);
    assert.equal(startsTold(), 1);
  });

  it("starts etcd again for other members' authority, too, which it reads as seldom", async () => {
    await member.start();
    writeFileSync(below("peers.crt"), authorities.operator.certificate);
    await until("another start", () => Promise.resolve(startsTold() === 2));
    await member.healthy();
  });

  it("kills an etcd that does not end, and goes on", async () => {
    await member.start();
    process.kill(etcdPid(), "SIGSTOP");
    saySetUp(incarnation());
    await until("clients to be let in", () => letsIn("clients"), { withinMs: 40_000 });
    assert.match(member.log, /etcd does not end: it is killed/);
  });

  it("ends an etcd whose trust cannot be read any more, after a while", async () => {
    await member.start();
    remount({ "operator.crt": "nothing of use" });
    await until("a word", () =>
      Promise.resolve(member.log.includes("whom etcd ought to trust cannot be read")),
    );
    assert.ok(member.running);
    await etcdOver();
    assert.match(member.log, /etcd is not run: .*holds no certificate[^]*\(ended: 1\)/);
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`hands ${signal} on to etcd, and ends when that has`, async () => {
      await member.start();
      const pid = etcdPid();
      process.kill(member.pid ?? 0, signal);
      await etcdOver();
      assert.match(member.log, /received signal; shutting down[^]*\(ended: 0\)/);
      assert.equal(existsSync(`/proc/${pid}`), false);
    });
  }

  it("ends as etcd ends: by its code, or by the number of a signal", async () => {
    await member.start();
    process.kill(etcdPid(), "SIGKILL");
    await etcdOver();
    assert.match(member.log, /\(ended: 137\)/);
    const { status } = started({}, ["--no-such-flag"]);
    assert.equal(status, 2);
  });

  it("takes etcd with it when it is killed", async () => {
    await member.start();
    const pid = etcdPid();
    await member.kill();
    await until("etcd to be gone", () => Promise.resolve(!existsSync(`/proc/${pid}`)));
  });

  it("waits for orphans that come to it as the first process, and goes on", async function () {
    if (process.getuid?.() !== 0) this.skip(); // who is not root has no processes' namespace of its own
    // A program that leaves one behind and then is etcd.
    writeFileSync(below("etcd"), `#!/bin/sh\n(sleep 0.1 &)\nexec ${etcd} "$@"\n`, { mode: 0o755 });
    const alone = ["--pid", "--fork", "--kill-child", launcher];
    member = memberOf("unshare", alone, { HOLDFAST_ETCD_PROGRAM: below("etcd") });
    await member.start();
    const first = childOf(member.pid ?? 0);
    await until("nothing but etcd to be left", () =>
      Promise.resolve(childrenOf(first).length === 1),
    );
    saySetUp(incarnation());
    await until("clients to be let in", () => letsIn("clients"));
    await until("nothing but etcd to be left", () =>
      Promise.resolve(childrenOf(first).length === 1),
    );
  });

  it("keeps etcd quiet about variables and folders", async () => {
    await member.start();
    assert.doesNotMatch(member.log, /ETCD_DATA_DIR|check file permission/);
    assert.equal(statSync(below("data")).mode & 0o777, 0o700);
  });

  const started = (changed: Readonly<Record<string, string>>, args: readonly string[] = []) =>
    spawnSync(launcher, args, {
      ...{ env: { ...process.env, ...env, ...changed }, encoding: "utf8", timeout: 20_000 },
    });

  it("says all that is wrong with its environment at once", () => {
    const wrong = {
      ETCD_DATA_DIR: "data",
      HOLDFAST_ETCD_TRUST: "",
      POD_NAME: "A",
      HOLDFAST_ETCD_PEER_URL: "etcd:2380",
    };
    const { status, stderr } = started(wrong);
    assert.equal(status, 1);
    const { level, msg } = JSON.parse(stderr) as { level: string; msg: string };
    assert.equal(level, "fatal");
    for (const name of Object.keys(wrong)) assert.match(msg, new RegExp(`${name} is '`));
    assert.match(msg, /fieldRef metadata\.name/);
    assert.equal(existsSync(below("incarnation")), false);
  });

  it("refuses arguments that it sets itself", () => {
    for (const arg of ["--name=other", "-data-dir", "--trusted-ca-file=x", "--wal-dir=/x"]) {
      const { status, stderr } = started({}, [arg]);
      assert.equal(status, 1);
      assert.match(stderr, /the argument .* is the launcher's own to set/);
    }
  });

  it("does not start without the operator's authority, or with none in its file", () => {
    remount({ "operator.crt": "nothing of use\n" });
    assert.match(started({}).stderr, /operator\.crt holds no certificate/);
    remount({ "operator.crt": undefined });
    const { status, stderr } = started({});
    assert.equal(status, 1);
    assert.match(stderr, /the authority cannot be read: .*operator\.crt/);
  });

  it("tells a volume that it may not write to, and what gives it the right", function () {
    if (process.getuid?.() !== 0) this.skip(); // who is not root cannot become another
    mkdirSync(below("theirs"), { mode: 0o755 });
    const args = ["--reuid=65532", "--regid=65532", "--clear-groups", launcher];
    const changed = { ...env, ETCD_DATA_DIR: below("theirs/data") };
    const answer = spawnSync("setpriv", args, {
      ...{ env: { ...process.env, ...changed }, encoding: "utf8", timeout: 20_000 },
    });
    assert.equal(answer.status, 1);
    assert.match(answer.stderr, /the data folder cannot be made .*fsGroup/);
  });
});
