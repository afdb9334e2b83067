/**
 * An etcd that is taken back to a snapshot by tools/restore.ts, while sidecars live on, and with all of them new: what
 * docs/operations/restore.md promises.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe } from "mocha";
import { parseDurationMs } from "#api/fields/duration.ts";
import { installationKey } from "#core/spec/keys.ts";
import { end, isRunning, runningIn, type Noted } from "#tools/cluster/pid-file.ts";
import { EtcdGateway } from "../support/etcd-gateway.ts";
import { EtcdServer } from "../support/etcd-server.ts";
import { rootUser, switchUsersOn } from "../support/etcd-users.ts";
import { fill, smallQuotaBytes } from "../support/etcd-space.ts";
import {
  acquire,
  grantOf,
  hold,
  holdersOf,
  queued,
  release,
  works,
  type Held,
} from "../support/lock-calls.ts";
import { eventually } from "../support/poll.ts";
import { placeOf, restoreTo, Restoring, Snapshots } from "../support/restored.ts";
import { mutex, SidecarProcess } from "../support/sidecar-process.ts";
import { standStill } from "../support/stand-still.ts";
import { together } from "../support/together.ts";

const data = "/holdfast/v1/data/";
const lockDelayMs = 3_000;
const resources = [mutex("orders"), mutex("careful", "lockDelay: 3s")];
const bumped = ["--bump-revision", "1000000000", "--mark-compacted"];
/** Long beside what the restore itself takes, so that who does not wait for it is seen. */
const sessionTtl = "8s";
/** Nobody counts on anything that is so old: nothing is waited for. */
const longAgo = ["--stopped-at", "2026-01-31T12:00Z"];

type Version = "3.7" | "3.6";

function fenceOf(held: Held, highest: bigint): bigint {
  assert.ok(held.fence > highest, `${held.fence} after ${highest}`);
  return held.fence;
}

const now = (): string => new Date().toISOString();

/** Nobody is granted `lock` before this moment on our monotonic clock, by what its holder was told last. */
async function guaranteeOf(sidecar: SidecarProcess, held: Held): Promise<number> {
  const askedAt = performance.now();
  const { body } = await grantOf(sidecar, held);
  return askedAt + parseDurationMs(String(body["guaranteedFor"]));
}

const withLiveSidecars = (version: Version, bump: readonly string[]) => async () => {
  await using snapshots = await Snapshots.make();
  await using etcd = await EtcdServer.start({ version, noFsync: true });
  const raw = new EtcdGateway(etcd.endpoint);
  const common = { etcd: etcd.endpoint, sessionTtl };
  await using a = await SidecarProcess.start({ ...common, resources });
  await using b = await SidecarProcess.start(common);
  const kept = await hold(a, "orders/kept");
  const given = await hold(a, "orders/given");
  const waiting = acquire(b, "orders/kept", { wait: "2m" }).then((answer) => {
    return { answer, at: performance.now() };
  });
  await queued(a, "orders/kept", 1);
  const old = new Set((await raw.under(data)).map(({ key }) => key));
  const snapshot = await snapshots.take(etcd);
  await release(a, given);
  await release(b, await hold(b, "orders/given"));
  const later = await hold(b, "orders/later");
  const until = await guaranteeOf(a, kept);
  await etcd.kill();
  const stopped = ["--stopped-at", now(), "--session-ttl", sessionTtl];
  const { mayOpenAt } = await restoreTo(etcd, snapshot, [...stopped, ...bump]);
  assert.ok(mayOpenAt > until, "it may be opened while a holder has a guarantee");
  const left = (await raw.under(data)).filter(({ key }) => old.has(key));
  assert.deepEqual(left, [], "what sessions had written before came back");

  await using fresh = await SidecarProcess.start(common);
  assert.deepEqual(await holdersOf(fresh, "orders/given"), []);
  for (const [sidecar, held] of [
    [a, kept],
    [b, later],
  ] as const) {
    const told = await grantOf(sidecar, held);
    assert.deepEqual([told.status, told.body["reason"]], [409, "sessionLost"]);
  }
  const { answer: granted, at } = await waiting;
  assert.equal(granted.status, 200, granted.text);
  assert.ok(at > until, "the waiter was let in while the holder had a guarantee");
  const highest = fenceOf({ ...later, fence: BigInt(String(granted.body["fence"])) }, later.fence);
  await b.api.delete(`/v1/grants/${String(granted.body["grantId"])}`);
  for (const lock of ["orders/kept", "orders/given", "orders/later"])
    for (const sidecar of [fresh, a, b]) {
      const next = await works(sidecar, lock);
      fenceOf(next, highest);
    }
};

/** Nobody lives on who has seen anything, and who would own the tree is not there. */
const withAllNew = (version: Version, bump: readonly string[]) => async () => {
  await using snapshots = await Snapshots.make();
  await using etcd = await EtcdServer.start({ version, noFsync: true });
  const common = { etcd: etcd.endpoint };
  let snapshot: string;
  let highest: bigint;
  {
    await using first = await SidecarProcess.start({ ...common, resources });
    const held = await hold(first, "orders/given");
    await hold(first, "careful/kept");
    snapshot = await snapshots.take(etcd);
    await release(first, held);
  }
  {
    // Whoever owns the tree raises the base at its start.
    await using second = await SidecarProcess.start({ ...common, resources });
    highest = (await hold(second, "orders/given")).fence;
  }
  for (let life = 1; life <= 2; life++) {
    await etcd.kill();
    await restoreTo(etcd, snapshot, [...longAgo, ...bump]);
    await using fresh = await SidecarProcess.start(common);
    assert.deepEqual(await holdersOf(fresh, "orders/given"), []);
    highest = fenceOf(await hold(fresh, "orders/given"), highest);
    const delayed = await hold(fresh, "careful/kept", { wait: "1m" });
    highest = fenceOf(delayed, highest);
    const delayMs = delayed.answeredAt - delayed.askedAt;
    assert.ok(delayMs >= lockDelayMs, `the marker held for ${delayMs} ms`);
  }
};

/** Returns the etcd that is left of it, which stands still: else it might end by itself, when nobody reads its log any more. */
async function killedInTheMiddle(args: readonly string[], staging: string): Promise<Noted> {
  await using killed = new Restoring(args);
  const left = await eventually("the etcd that nobody else gets into", () =>
    runningIn(staging).find(({ name }) => name === "etcd"),
  );
  await standStill(left.pid);
  await using another = new Restoring(args);
  assert.equal(await another.ended, 1);
  assert.match(another.text, /--data-dir: another restore to it is at work \(pid \d+\)/);
  await killed.end("SIGKILL");
  return left;
}

const killedOnTheWay = async () => {
  await using snapshots = await Snapshots.make();
  await using etcd = await EtcdServer.start({ noFsync: true });
  await using sidecar = await SidecarProcess.start({ etcd: etcd.endpoint, resources });
  const before = await hold(sidecar, "orders/1");
  const snapshot = await snapshots.take(etcd);
  await sidecar.kill();
  await etcd.kill();
  // The time that is left is never over: what it waits for is the end that we give it.
  const args = ["--snapshot", snapshot, ...(await placeOf(etcd)), "--session-ttl", "1h"];
  const { dataFolder } = etcd.member(0);
  const staging = `${dataFolder}.restoring`;
  const left = await killedInTheMiddle(args, staging);
  assert.ok(isRunning(left), "it goes on when the restore is killed");
  await using _ofFailedTest = {
    [Symbol.asyncDispose]: () => end(left, "at once"),
  };
  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    await using next = new Restoring(args);
    await next.wrote("waiting …");
    assert.match(next.text, /An earlier restore was killed: what it left in \S+ is thrown away/);
    assert.equal(isRunning(left), false, "the etcd of the earlier restore goes on");
    await next.end(signal);
    assert.equal(existsSync(dataFolder), false, "data that is not to be opened");
    if (signal === "SIGTERM")
      assert.match(next.text, /Interrupted by SIGTERM: nothing was restored/);
  }
  assert.equal(existsSync(staging), false, "it left something");
  await restoreTo(etcd, snapshot, longAgo);
  await using fresh = await SidecarProcess.start({ etcd: etcd.endpoint, resources });
  fenceOf(await hold(fresh, "orders/1"), before.fence);
};

const ofFullEtcdWithUsers = async () => {
  await using snapshots = await Snapshots.make();
  const args = ["--bcrypt-cost=4"];
  await using etcd = await EtcdServer.start({ noFsync: true, quotaBytes: smallQuotaBytes, args });
  const raw = new EtcdGateway(etcd.endpoint);
  const session = `${data}shop/sessions/1`;
  const base = { owner: "standalone", base: "1", cluster: "another" };
  await raw.put(installationKey, base);
  await raw.put(`${data}shop/anew`, {});
  const { ID } = await raw.call("lease/grant", { TTL: 600 });
  const value = Buffer.from("{}").toString("base64");
  await raw.call("kv/put", { key: Buffer.from(session).toString("base64"), value, lease: ID });
  await raw.put(`${data}shop/locks/orders/1/left-1`, {});
  await raw.put("/of/others", "stays");
  await fill(raw);
  await switchUsersOn(raw);
  const snapshot = await snapshots.take(etcd, raw);
  await etcd.kill();
  const { text: said } = await restoreTo(etcd, snapshot, longAgo);
  assert.match(said, /Ended 1 leases, and deleted the 2 keys of sessions/);
  assert.match(said, /--session-ttl is 30s, but a session in the snapshot had 10m/);
  await raw.login(rootUser.user, rootUser.password);
  assert.deepEqual(await raw.under(data), []);
  assert.equal((await raw.get("/of/others"))?.value, "stays");
  const installation = JSON.parse((await raw.get(installationKey))?.value ?? "") as typeof base;
  assert.equal(installation.cluster, BigInt(await raw.clusterId()).toString(16));
  assert.ok(BigInt(installation.base) > BigInt(Date.now() - 60_000) * 10n, installation.base);
};

const refused = async () => {
  await using snapshots = await Snapshots.make();
  await using etcd = await EtcdServer.start({ noFsync: true });
  const raw = new EtcdGateway(etcd.endpoint);
  const dataDir = `${snapshots.folder}/data`;
  const why = async (...args: readonly string[]): Promise<string> => {
    await using restoring = new Restoring(args);
    assert.equal(await restoring.ended, 1, restoring.text);
    assert.equal(existsSync(dataDir), false);
    assert.equal(existsSync(`${dataDir}.restoring`), false);
    return restoring.text;
  };
  const snapshot = await snapshots.take(etcd);
  const to = ["--data-dir", dataDir];
  assert.match(
    await why("--snapshot", snapshot, "--data-dir", snapshots.folder),
    /--data-dir \S+ is there already: name a folder that is not/,
  );
  assert.match(
    await why("--snapshot", etcd.member(0).dataFolder, ...to),
    /--snapshot \S+ is no whole snapshot of etcd; take another/,
  );
  await raw.put(installationKey, "not ours");
  assert.match(
    await why("--snapshot", await snapshots.take(etcd), ...to),
    /--snapshot: the record \/holdfast\/v1\/spec\/installation is not one that this version understands/,
  );
  const ahead = BigInt(Date.now() + 3_600_000) * 10n;
  await raw.put(installationKey, { owner: "standalone", base: String(ahead), cluster: "another" });
  assert.match(
    await why("--snapshot", await snapshots.take(etcd), ...to),
    /--bump-revision is missing: the fences in this snapshot run 60 minutes ahead/,
  );
};

describe("an etcd that tools/restore.ts takes back to a snapshot", function () {
  this.timeout(90_000);

  const live =
    "ends old grants when their guarantee is over, brings back nothing, lets no fence go";
  const unseen = "lets no fence go back where all are new, and keeps a lost holder's lockDelay";
  together({
    [`${live} back: etcd 3.7, without a bump`]: withLiveSidecars("3.7", []),
    [`${live} back: etcd 3.7, with a bump`]: withLiveSidecars("3.7", bumped),
    [`${live} back: etcd 3.6, without a bump`]: withLiveSidecars("3.6", []),
    [`${live} back: etcd 3.6, with a bump`]: withLiveSidecars("3.6", bumped),
    [`${unseen}, also the second time: without a bump`]: withAllNew("3.7", []),
    [`${unseen}, also the second time: with a bump`]: withAllNew("3.6", bumped),
    "is not there to be opened before all is done, whatever ends the restore": killedOnTheWay,
    "has its users and what is not Holdfast's, and takes the base also where it was full":
      ofFullEtcdWithUsers,
    "is none where a file, its version, its place or its clock cannot be right": refused,
  });
});
