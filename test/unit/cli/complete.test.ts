import assert from "node:assert/strict";
import { commands } from "#cli/commands.ts";
import { candidatesFor, complete } from "#cli/complete.ts";

describe("completion", () => {
  const values = async (...words: string[]): Promise<string[]> => {
    const line = { before: words.slice(0, -1), current: words.at(-1) ?? "" };
    return (await candidatesFor(commands, line)).map(({ value }) => value);
  };
  const printed = async (...args: string[]): Promise<string> => {
    let out = "";
    const io = {
      env: {},
      errIsTerminal: false,
      inIsTerminal: false,
      err: (text: string) => assert.equal(text, ""),
    };
    await complete(commands, args, { ...io, out: (text) => void (out += text) });
    return out;
  };

  it("goes from word to word, and to the flags", async () => {
    assert.deepEqual(await values("lo"), ["lock", "locks"]);
    assert.deepEqual((await values("locks", "")).slice(0, 2), ["ls", "get"]);
    assert.deepEqual(await values("lock", "--sh"), ["--shared"]);
    assert.deepEqual(await values("nothing", ""), []);
  });

  it("offers no flag that is given already, unless it may be", async () => {
    assert.deepEqual(await values("lock", "--shared", "--sh"), []);
    assert.deepEqual(await values("lock", "--metadata", "a=b", "--meta"), ["--metadata"]);
  });

  it("knows the values of a flag, by its names and behind =", async () => {
    assert.deepEqual(await values("locks", "ls", "x", "-o", "w"), ["wide"]);
    assert.deepEqual(await values("lock", "a/b", "--on-jeopardy", ""), ["end", "continue"]);
    assert.deepEqual(await values("lock", "--on-jeopardy=e"), ["--on-jeopardy=end"]);
    assert.deepEqual(await values("lock", "--wait", "l"), [], "a duration is nobody's to guess");
  });

  it("finds the command also behind flags", async () => {
    assert.deepEqual(await values("-o", "wide", "locks", "ls", "--pre"), ["--prefix"]);
    assert.deepEqual(await values("locks", "--output", "wide", "ls", "x", "--out"), []);
  });

  it("leaves what stands behind -- to the shell", async () => {
    assert.deepEqual(await values("lock", "a/b", "--", "lo"), []);
  });

  it("gives bash only what it takes for the word, and the others what it is about", async () => {
    assert.equal(await printed("bash", "locks", "ls", "x", "--output", "=", "j"), "json\n");
    assert.equal(await printed("bash", "lock", "--on-jeopardy", "="), "end\ncontinue\n");
    assert.match(await printed("fish", "lo"), /^lock\truns a command .*\nlocks\n$/);
    assert.match(await printed("zsh", "lo"), /^lock:runs a command .*\nlocks\n$/);
    assert.equal(await printed("tcsh", "lo"), "");
  });
});
