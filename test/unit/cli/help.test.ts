/** What all commands have: help that fits a terminal, names that fit together. */
import assert from "node:assert/strict";
import { run } from "#cli/cli.ts";
import type { Io } from "#cli/command.ts";
import { commands } from "#cli/commands.ts";
import { nameOf } from "#cli/help.ts";

interface Told {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function told(args: readonly string[]): Promise<Told> {
  let [out, err] = ["", ""];
  const io: Io = {
    ...{ env: {}, errIsTerminal: false, inIsTerminal: false },
    out: (text) => void (out += text),
    err: (text) => void (err += text),
  };
  const code = await run(args, "1.2.3", io);
  return { code, out, err };
}

describe("holdfast --help", () => {
  it("lists every command, also by help, and fails nothing", async () => {
    for (const args of [["--help"], ["-h"], ["help"]]) {
      const { code, out, err } = await told(args);
      assert.deepEqual({ code, err }, { code: 0, err: "" });
      for (const command of commands) assert.ok(out.includes(`  ${nameOf(command)} `));
    }
    const { out } = await told(["help", "locks"]);
    assert.ok(out.includes("locks get") && !out.includes("completion"));
  });

  for (const command of commands) {
    it(`of ${nameOf(command)} has its flags and examples, in lines that a terminal holds`, async () => {
      const { code, out } = await told([...command.words, "--help"]);
      assert.equal(code, 0);
      assert.equal((await told(["help", ...command.words])).out, out);
      for (const { name } of command.flags) assert.ok(out.includes(`--${name}`));
      for (const line of out.split("\n")) assert.ok(line.length <= 90, line);
      for (const example of command.examples)
        assert.match(example, new RegExp(`\\b${nameOf(command)}\\b`));
    });

    it(`gives no flag of ${nameOf(command)} twice`, () => {
      const all = command.flags.flatMap(({ name, short }) => [name, short ?? name]);
      const names = command.flags.map(({ name }) => name);
      assert.equal(new Set(names).size, names.length);
      assert.ok(!all.includes("h") && !all.includes("help"));
    });
  }

  it("is what is shown for a noun alone, with the code of a wrong call", async () => {
    const { code, out, err } = await told(["locks"]);
    assert.deepEqual({ code, out }, { code: 2, out: "" });
    assert.match(err, /locks ls[^]*locks get/);
  });

  it("says where flags go that stand before no command that there is", async () => {
    for (const line of [
      ["-o", "wide", "lokcs", "ls", "orders"],
      ["locks", "-o", "wide", "list"],
    ]) {
      const { code, out, err } = await told(line);
      assert.deepEqual({ code, out }, { code: 2, out: "" });
      assert.match(err, /No command is found in '.*'\. Write flags behind the command: .* -o'/);
    }
  });

  it("tells the version", async () => {
    assert.equal((await told(["--version"])).out, "holdfast 1.2.3\n");
  });
});
