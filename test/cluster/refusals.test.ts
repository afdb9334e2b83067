/**
 * Every constraint of the CRDs, broken by one manifest each: bad/*.yaml. The head of a manifest tells what the API
 * server says of it, in full (`# expect: …`), and which constraint it breaks (`# breaks: …`). Of several documents all but the
 * last are taken; a later one replaces the first, by the status subresource where it has a status.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import type { LightCluster } from "#tools/cluster/light/light-cluster.ts";
import type { Answer } from "#tools/cluster/answer.ts";
import { allConstraints } from "./constraints.ts";
import { isOldest, startWithCrds } from "./crds-applied.ts";

const folder = "test/cluster/bad";

interface Bad {
  readonly file: string;
  readonly expect: string;
  readonly breaks: string;
  readonly documents: readonly string[];
}

function read(file: string): Bad {
  const text = readFileSync(path.join(folder, file), "utf8");
  const head = (name: string): string =>
    new RegExp(`^# ${name}: (.+)$`, "m").exec(text)?.[1]?.trim() ?? "";
  const documents = text.split(/^---$/m);
  return { file, expect: head("expect"), breaks: head("breaks"), documents };
}

const all = readdirSync(folder).map(read);

/** What the API server adds where a field is missing, too long or no choice, and so rules were not asked. */
const unasked =
  "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";

/** `The Backend "x" is invalid: …`, or the same with one line a mistake. */
function mistakesIn(answer: string): string[] {
  const [, told = answer] = /^The \S+ "\S+" is invalid: (.*)$/s.exec(answer.trim()) ?? [];
  const mistakes = told.startsWith("\n* ") ? told.slice(3).split("\n* ") : [told];
  return mistakes.filter((mistake) => mistake !== unasked);
}

async function send(cluster: LightCluster, document: string, at: number): Promise<Answer> {
  if (at === 0) return cluster.kubectl.ask(["create", "-f", "-"], document);
  const hasStatus = (parse(document) as { status?: unknown }).status !== undefined;
  const args = ["replace", "-f", "-", ...(hasStatus ? ["--subresource=status"] : [])];
  return cluster.kubectl.ask(args, document);
}

/** Where a rule of ours is broken, 1.34 shows the value's type where later ones show the value. */
function said(text: string, breaks: string): string {
  if (!isOldest || !breaks.includes(" rule: ")) return text;
  return text.replaceAll(/Invalid value: (?:"[^"]*": )?/g, "Invalid value: ");
}

describe("what the API server refuses", () => {
  let cluster: LightCluster;

  before(async function () {
    this.timeout(120_000);
    cluster = await startWithCrds();
  });
  // Absent where it could not be started, which has been told then.
  after(() => cluster?.close());

  for (const { file, expect, breaks, documents } of all) {
    it(`${file}: ${expect}`, async () => {
      for (const [at, document] of documents.entries()) {
        const { code, err } = await send(cluster, document, at);
        if (at < documents.length - 1) assert.equal(code, 0, err);
        else {
          assert.notEqual(code, 0, "it was taken");
          assert.deepEqual(mistakesIn(said(err, breaks)), [said(expect, breaks)]);
        }
      }
    });
  }
});

describe("the bad manifests", () => {
  it("break every constraint of the CRDs", () => {
    const broken = new Set(all.map(({ breaks }) => breaks));
    const whole = allConstraints().filter((constraint) => !broken.has(constraint));
    assert.deepEqual(whole, [], `Write a manifest in ${folder} for each of these.`);
  });

  it("break only what the CRDs have", () => {
    const constraints = new Set(allConstraints());
    const strange = all.filter(({ breaks }) => !constraints.has(breaks));
    assert.deepEqual(
      strange.map(({ file, breaks }) => `${file}: ${breaks}`),
      [],
    );
  });

  it("expect an answer that names the field, and for a rule of ours how to mend it", () => {
    const vague = all.filter(({ expect, breaks }) => {
      const [, place = "", message] = /^\S+ (\S+) (?:rule: (.*)|\S+)$/.exec(breaks) ?? [];
      const field = place.replaceAll("[]", "");
      const names = expect.replaceAll(/\[\d+\]/g, "").includes(field);
      return !names || (message !== undefined && !expect.endsWith(`: ${message}`));
    });
    assert.deepEqual(
      vague.map(({ file }) => file),
      [],
    );
  });
});
