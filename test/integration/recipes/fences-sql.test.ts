/** The recipe in examples/fences, on real servers: a lower fence is refused, the same one is not, whoever comes when. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "mocha";
import { ToolMissing } from "#tools/fetch.ts";
import { eventually } from "#test/support/poll.ts";
import { SqlServer, type SqlKind, type SqlSession } from "#test/support/sql-server.ts";

/** How many wait for a lock of the server's own. */
const standing: Readonly<Record<SqlKind, string>> = {
  postgresql: "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
  mariadb: "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'",
};

for (const kind of ["postgresql", "mariadb"] as const) {
  describe(`fences in ${kind}`, function () {
    this.timeout(90_000);
    const text = (file: string): string => readFileSync(`examples/fences/${kind}/${file}`, "utf8");
    const guard = text("guard.sql").trim();
    let server: SqlServer | undefined;

    before(async function () {
      try {
        server = await SqlServer.start(kind);
      } catch (error) {
        if (!(error instanceof ToolMissing)) throw error;
        console.log(`\n  !! The recipe for ${kind} is NOT tested.\n${error.message}`);
        this.skip();
      }
      await using session = server.session();
      for (const statement of text("table.sql").split(/;\n/))
        if (statement.trim() !== "") await session.rows(statement);
      await session.rows(
        "CREATE TABLE orders (id bigint PRIMARY KEY, state varchar(20), fence bigint)",
      );
    });

    after(() => server?.[Symbol.asyncDispose]());

    const session = (): SqlSession => {
      assert.ok(server !== undefined);
      return server.session();
    };

    /** Whether it may go on, as the recipe says. */
    const admits = async (of: SqlSession, lock: string, fence: bigint): Promise<boolean> => {
      const [row] = await of.prepared(guard, [lock, String(fence)]);
      return row?.[0] === String(fence);
    };
    const top = 1_176_953_443_972_153_344n;

    it("lets the first fence pass, the same one again, and each higher one", async () => {
      await using one = session();
      for (const fence of [top, top, top + 1n, 2n ** 63n - 1n])
        assert.equal(await admits(one, "orders/1", fence), true);
    });

    it("refuses each lower one, and keeps the highest", async () => {
      await using one = session();
      assert.equal(await admits(one, "orders/2", top), true);
      for (const fence of [top - 1n, 1n]) assert.equal(await admits(one, "orders/2", fence), false);
      assert.equal(await admits(one, "orders/2", top), true);
    });

    it("keeps each lock by itself, names byte by byte", async () => {
      await using one = session();
      assert.equal(await admits(one, "orders/Ä", 9n), true);
      for (const lock of ["orders/ä", "orders/A", "Orders/Ä", "orders/Ä "])
        assert.equal(await admits(one, lock, 1n), true, lock);
    });

    it("keeps whoever comes meanwhile waiting for the transaction's end, and judges by it", async () => {
      await using old = session();
      await using young = session();
      await old.rows("BEGIN");
      assert.equal(await admits(old, "orders/4", 50n), true);
      let answered = false;
      await young.rows("BEGIN");
      const later = admits(young, "orders/4", 51n).finally(() => (answered = true));
      await eventually("the other to stand in line", async () => {
        await using looker = session();
        return (await looker.rows(standing[kind]))[0]?.[0] === "1";
      });
      assert.equal(answered, false);
      await old.rows("INSERT INTO orders VALUES (4, 'of 50', 50)");
      await old.rows("COMMIT");
      assert.equal(await later, true);
      await young.rows("UPDATE orders SET state = 'of 51' WHERE id = 4");
      // The one who was there before comes again, while the newer one is at work.
      await old.rows("BEGIN");
      const again = admits(old, "orders/4", 50n);
      await young.rows("COMMIT");
      assert.equal(await again, false);
      await old.rows("ROLLBACK");
      assert.deepEqual(await old.rows("SELECT state FROM orders WHERE id = 4"), [["of 51"]]);
    });

    it("takes nothing of a transaction that was rolled back", async () => {
      await using one = session();
      await one.rows("BEGIN");
      assert.equal(await admits(one, "orders/5", 100n), true);
      await one.rows("ROLLBACK");
      assert.equal(await admits(one, "orders/5", 1n), true);
    });

    it("works in the row itself, as the README has it", async () => {
      const readme = readFileSync("README.md", "utf8");
      const statement = /^UPDATE orders .*;/m.exec(readme)?.[0].replace(/;.*$/, "") ?? "";
      await using one = session();
      await one.rows("INSERT INTO orders VALUES (42, 'new', 10)");
      const count = kind === "postgresql" ? " RETURNING 1" : ";\nSELECT ROW_COUNT()";
      const update = async (fence: number): Promise<string> => {
        const rows = await one.rows(statement.replaceAll(":fence", String(fence)) + count);
        return kind === "postgresql" ? String(rows.length) : (rows[0]?.[0] ?? "");
      };
      assert.equal(await update(9), "0");
      assert.deepEqual(await one.rows("SELECT state FROM orders WHERE id = 42"), [["new"]]);
      assert.equal(await update(11), "1");
      assert.deepEqual(await one.rows("SELECT state FROM orders WHERE id = 42"), [["paid"]]);
    });
  });
}
