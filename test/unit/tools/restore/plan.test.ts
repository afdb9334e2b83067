import assert from "node:assert/strict";
import path from "node:path";
import type { Epoch } from "#core/runtime.ts";
import { NotRestored, planFrom, usage } from "#tools/restore/plan.ts";

const wallNow = Date.parse("2026-05-01T12:00:00Z") as Epoch;
const least = ["--snapshot", "s.db", "--data-dir", "new"];

function why(...args: readonly string[]): string {
  try {
    planFrom(args, wallNow);
  } catch (error) {
    assert.ok(error instanceof NotRestored, String(error));
    return error.message;
  }
  throw new Error(`${args.join(" ")} was taken`);
}

describe("what a restore is asked for", () => {
  it("has a default for all but the file and the place", () => {
    assert.deepEqual(planFrom(least, wallNow), {
      ...{ snapshot: "s.db", dataDir: path.resolve("new"), bump: undefined, etcd: undefined },
      ...{ sessionTtlMs: 30_000, stoppedAt: undefined },
      member: {
        ...{ name: "default", peerUrl: "http://localhost:2380", clusterToken: "etcd-cluster" },
      },
    });
  });

  it("may all be said", () => {
    const more = ["--bump-revision=1000000000", "--mark-compacted", "--session-ttl=15s"];
    const member = ["--name=m0", "--initial-advertise-peer-urls=https://a:1"];
    const rest = ["--etcd=3.6", "--stopped-at=2026-05-01T13:59:00+02:00", ...member];
    const plan = planFrom([...least, ...more, ...rest, "--initial-cluster-token=t"], wallNow);
    assert.deepEqual(plan, {
      ...{ snapshot: "s.db", dataDir: path.resolve("new"), bump: 1_000_000_000, etcd: "3.6" },
      ...{ sessionTtlMs: 15_000, stoppedAt: wallNow - 60_000 },
      member: { name: "m0", peerUrl: "https://a:1", clusterToken: "t" },
    });
  });

  it("is refused by the name of what is wrong, and with what to do", () => {
    assert.match(why(), /^--snapshot is missing: name the file/);
    assert.match(why("--snapshot", "s.db"), /^--data-dir is missing: name a folder/);
    assert.match(why(...least, "--bump", "1"), /'--bump'[^]*--help lists all options/);
    assert.match(why(...least, "--mark-compacted"), /^--mark-compacted goes with --bump-revision/);
    assert.match(why(...least, "--bump-revision", "5"), /^--bump-revision needs --mark-compacted/);
    for (const bump of ["0", "1.5", "-1", "x", "1000000000001"])
      assert.match(
        why(...least, "--mark-compacted", `--bump-revision=${bump}`),
        /^--bump-revision \S+ is no whole number from 1 to 1000000000000; usual is/,
      );
    assert.match(why(...least, "--session-ttl", "soon"), /^--session-ttl soon is no duration/);
    assert.match(why(...least, "--session-ttl", "0s"), /^--session-ttl 0s is no duration/);
    assert.match(why(...least, "--etcd", "3.5"), /^--etcd 3.5 is not known: name 3.7 or 3.6/);
    for (const url of ["a:1", "http://a", "http://a:1,http://b:1"])
      assert.match(
        why(...least, "--initial-advertise-peer-urls", url),
        /^--initial-advertise-peer-urls \S+ is not one URL with a port/,
      );
  });

  it("takes no moment that could be another, or is to come", () => {
    for (const at of ["12:00", "2026-05-01T12:00:00", "2026-13-01T12:00:00Z"])
      assert.match(why(...least, "--stopped-at", at), /^--stopped-at \S+ is no moment: write it/);
    assert.match(
      why(...least, "--stopped-at", "2026-05-01T12:00:01Z"),
      /^--stopped-at \S+ is to come: stop all old members first/,
    );
  });

  it("is told by --help, whatever else is said", () => {
    assert.equal(planFrom(["--help"], wallNow), undefined);
    assert.match(usage, /--stopped-at TIME/);
  });
});
