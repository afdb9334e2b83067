import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { Grant, type Freed } from "#core/lock/grant.ts";
import { Grants } from "#core/lock/grants.ts";
import { Losses } from "#core/lock/losses.ts";
import type { GrantEnd } from "#core/lock/views.ts";
import type { Session } from "#core/session/session.ts";
import { revision } from "#core/store.ts";
import { Clock } from "#test/support/clock.ts";

/** As much of a session as a grant asks of one that lives. */
const session = (id: string): Session =>
  ({ id, isAlive: () => true, deadline: Number.MAX_SAFE_INTEGER }) as unknown as Session;

interface Made {
  readonly of?: Session;
  readonly number?: number;
  readonly handovers?: number;
  readonly requestId?: string;
}

const mine = session("0a1b");

class Kept {
  readonly clock = new Clock();
  readonly losses = new Losses({ record: () => undefined, isReady: false });
  readonly grants: Grants = new Grants(this.clock, this.losses);

  make({ of = mine, number = 3, handovers = 0, requestId }: Made = {}): Grant {
    const word = String(number).padStart(10, "0");
    const grant = new Grant(this.clock, this.grants, {
      id: `${of.id}-${word}-${handovers}`,
      ...{ number, handovers, session: of, fence: 1n, holder: "app", ttlMs: 30_000 },
      created: revision(1),
      keys: [`/locks/orders/42/${of.id}-0000000001`],
      lock: { pool: "orders", name: "42" },
      request: {
        ...{ pool: "orders", name: "42", mode: "exclusive", permits: 1 },
        ...{ waitMs: 0, hold: "ttl", requestId },
      },
      ...{ maxHoldMs: undefined, onLoss: "Unready" },
    });
    this.grants.add(grant);
    return grant;
  }

  end(grant: Grant, why: GrantEnd, freed: Freed = "released"): void {
    grant.over(why);
    grant.free(freed);
  }
}

describe("a loss of a pool with onLoss: Unready", () => {
  for (const why of ["expired", "maxHold", "sessionLost", "revoked", "broken", "slow"] as const) {
    it(`stands after '${why}' until the lock is granted again, or its holder begins anew`, () => {
      const kept = new Kept();
      kept.end(kept.make(), why);
      assert.deepEqual([kept.losses.first()?.name, kept.losses.first()?.why], ["42", why]);
      kept.losses.forgive("another");
      assert.ok(kept.losses.first() !== undefined);
      const again = kept.make({ number: 4 });
      assert.equal(kept.losses.first(), undefined);
      kept.end(again, why);
      kept.losses.forgive("app");
      assert.equal(kept.losses.first(), undefined);
    });
  }

  for (const why of ["released", "undelivered", "drained"] as const) {
    it(`is none after '${why}'`, () => {
      const kept = new Kept();
      kept.end(kept.make(), why);
      assert.equal(kept.losses.first(), undefined);
    });
  }
});

describe("grants that are over", () => {
  for (const why of ["released", "expired", "maxHold", "drained", "sessionLost"] as const) {
    it(`are remembered with how they ended: ${why}`, () => {
      const kept = new Kept();
      const grant = kept.make();
      kept.end(grant, why);
      assert.equal(kept.grants.over(grant.terms.id)?.why, why);
    });
  }

  it("are still known, with their end, until it is known what became of the place", async () => {
    const kept = new Kept();
    const grant = kept.make();
    grant.over("released");
    assert.equal(kept.grants.any(grant.terms.id), grant);
    assert.equal(kept.grants.live(grant.terms.id), undefined);
    assert.equal(kept.grants.over(grant.terms.id), undefined);
    grant.free("unknown");
    grant.free("released");
    assert.equal(await grant.freed, "unknown");
    assert.equal(kept.grants.any(grant.terms.id), undefined);
  });

  it("keep the place whose removal was not confirmed", () => {
    const kept = new Kept();
    const grant = kept.make();
    kept.end(grant, "released", "unknown");
    assert.deepEqual(kept.grants.over(grant.terms.id)?.left, {
      session: mine,
      keys: grant.terms.keys,
    });
  });

  it("are told from others of their place, of other sessions, and from ids that were never given", () => {
    const kept = new Kept();
    const first = kept.make({ number: 7 });
    kept.end(first, "expired");
    const second = kept.make({ number: 7, handovers: 1 });
    kept.end(second, "released");
    assert.equal(kept.grants.over(first.terms.id)?.why, "expired");
    assert.equal(kept.grants.over(second.terms.id)?.why, "released");
    const other = kept.make({ of: session("ffff"), number: 8 });
    kept.end(other, "released");
    const word = (number: number) => String(number).padStart(10, "0");
    for (const id of [
      `0a1b-${word(8)}-0`,
      `ffff-${word(8)}-1`,
      `ffff-8-0`,
      `ffff-${word(8 + 2 ** 32)}-0`,
      `ffff-${word(9)}-0`,
    ])
      assert.equal(kept.grants.over(id), undefined, id);
    assert.equal(kept.grants.over(other.terms.id)?.why, "released");
  });

  it("are forgotten where nobody was told of them", () => {
    const kept = new Kept();
    const grant = kept.make({ requestId: "job-1" });
    kept.end(grant, "undelivered");
    assert.equal(kept.grants.over(grant.terms.id), undefined);
    assert.equal(kept.grants.forRequest(grant.terms.request), undefined);
  });

  it("are remembered for a minute, and not for longer than two", () => {
    const kept = new Kept();
    const grant = kept.make();
    kept.end(grant, "released");
    kept.clock.pass(59_000);
    assert.equal(kept.grants.over(grant.terms.id)?.why, "released");
    kept.clock.pass(62_000);
    assert.equal(kept.grants.over(grant.terms.id), undefined);
  });
});
