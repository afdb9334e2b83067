import assert from "node:assert/strict";
import { UsageError } from "#cli/command.ts";
import { lock } from "#cli/commands/lock.ts";
import { locksLs } from "#cli/commands/locks-ls.ts";
import { parse } from "#cli/flags.ts";

describe("the command line", () => {
  const lockLine = (...args: string[]) => {
    const parsed = parse(lock, args);
    assert.ok(parsed !== "help");
    return parsed;
  };

  it("is read up to --, and what stands behind is the command's, word for word", () => {
    const { args, rest, flags } = lockLine(
      "orders/42",
      "--wait",
      "3s",
      "--",
      "cmd",
      "--wait",
      "--",
      "-x",
    );
    assert.deepEqual({ args, rest }, { args: ["orders/42"], rest: ["cmd", "--wait", "--", "-x"] });
    assert.equal(flags.text("wait"), "3s");
    assert.equal(flags.has("shared"), false);
  });

  it("takes flags before and after the lock, with = and without, and some of them again", () => {
    const { args, flags } = lockLine(
      "--shared",
      "--ttl=5s",
      "a/b",
      "--metadata=a=b",
      "--metadata",
      "c=",
      "--",
      "x",
    );
    assert.deepEqual(args, ["a/b"]);
    assert.equal(flags.has("shared"), true);
    assert.equal(flags.text("ttl"), "5s");
    assert.deepEqual(flags.all("metadata"), ["a=b", "c="]);
  });

  it("asks for help wherever that stands before --, and not behind", () => {
    assert.equal(parse(lock, ["a/b", "-h"]), "help");
    assert.equal(parse(locksLs, ["--help"]), "help");
    assert.deepEqual(lockLine("a/b", "--", "x", "--help").rest, ["x", "--help"]);
  });

  const wrong: [string[], RegExp][] = [
    [["a/b", "cmd"], /'cmd' is too much\. Write -- before the command: -- cmd …/],
    [["a/b"], /COMMAND is missing: write it after --/],
    [["a/b", "--"], /COMMAND is missing/],
    [["--", "cmd"], /POOL\/NAME is missing/],
    [["a/b", "--wiat", "3s", "--", "x"], /no flag --wiat here\. Did you mean --wait\?/],
    [["a/b", "-w", "3s", "--", "x"], /no flag -w here/],
    [["a/b", "--wait", "--", "x"], /--wait needs a value: --wait DURATION/],
    [["a/b", "--wait", "--shared", "--", "x"], /--wait needs a value/],
    [["a/b", "--wait", "3", "--", "x"], /--wait: '3' is no duration; write it as in/],
    [["a/b", "--permits", "1.5", "--", "x"], /--permits: '1\.5' is no whole number from 1/],
    [["a/b", "--metadata", "x", "--", "x"], /--metadata: 'x' is not NAME=TEXT/],
    [["a/b", "--shared=yes", "--", "x"], /--shared takes no value: leave out '=yes'/],
    [["a/b", "--ttl", "1s", "--ttl", "2s", "--", "x"], /--ttl is given twice/],
    [["a/b", "--holder", "", "--", "x"], /--holder: '' is empty/],
    [["a/b", "--on-jeopardy", "ends", "--", "x"], /is none of end, continue; did you mean end\?/],
  ];
  for (const [args, message] of wrong) {
    it(`refuses: ${args.join(" ")}`, () => {
      assert.throws(
        () => parse(lock, args),
        (error: unknown) => {
          assert.ok(error instanceof UsageError);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }

  it("refuses a command where none is run", () => {
    assert.throws(
      () => parse(locksLs, ["orders", "--", "x"]),
      /'-- x' is too much: no command is run here/,
    );
  });
});
