import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { choose, suites, usualSuites } from "#tools/test/suites.ts";
import { lackingOf, type Missing } from "#tools/test/tools.ts";

describe("the choice of suites", () => {
  it("gives a test to one suite, where one suite lies in the folder of another", () => {
    const chosen = choose({ suite: "cluster,cluster-real" });
    assert.deepEqual(
      chosen.map(({ suite, specs, except }) => ({ name: suite.name, specs, except })),
      [
        {
          name: "cluster",
          specs: ["test/cluster/**/*.test.ts"],
          except: [
            "test/cluster/charts/**/*.test.ts",
            "test/cluster/real/**/*.test.ts",
            "test/cluster/real-long/**/*.test.ts",
            "test/cluster/charts/installed.test.ts",
          ],
        },
        { name: "cluster-real", specs: ["test/cluster/real/**/*.test.ts"], except: [] },
      ],
    );
  });

  it("finds the suite of a file", () => {
    const of = (file: string): string[] => choose({ file }).map(({ suite }) => suite.name);
    assert.deepEqual(of("test/cluster/crds.test.ts"), ["cluster"]);
    assert.deepEqual(of("./test/cluster/real/real.test.ts"), ["cluster-real"]);
    assert.throws(() => of("tools/test.ts"), /names test files/);
  });

  it("takes a folder for all tests below it", () => {
    const [chosen] = choose({ file: "test/unit/client/" });
    assert.deepEqual(chosen?.specs, ["test/unit/client/**/*.test.ts"]);
  });

  it("asks for all suites but those on demand where none is named", () => {
    assert.deepEqual(
      choose({}).map(({ suite }) => suite.name),
      usualSuites.map(({ name }) => name),
    );
    assert.ok(usualSuites.length < suites.length);
    assert.throws(() => choose({ suite: "clutser" }), /There is no suite clutser/);
  });
});

describe("a suite on demand", () => {
  it("runs where it is named, with the files that it names", () => {
    const [chosen] = choose({ suite: "cluster-oldest" });
    const { specs } = chosen!;
    assert.ok(specs.includes("test/cluster/crds.test.ts"));
    for (const { suite, specs: files } of choose({ suite: "cluster-oldest,charts-oldest" }))
      for (const file of files) assert.ok(existsSync(file), `${suite.name}: ${file}`);
  });
});

describe("what a suite lacks", () => {
  const missing: Missing = {
    etcd: new Map([["3.7", "no etcd"]]),
    etcdutl: new Map([["3.6", "no etcdutl"]]),
    built: new Map([["registry", "no registry"]]),
    rungs: new Map([["real", "no root"]]),
    helm: new Map([["4", "no helm"]]),
    promtool: "no promtool",
    node: new Map([["20", "no node"]]),
  };
  const lacking = (name: string): string[] =>
    lackingOf(
      suites.find((suite) => suite.name === name)!,
      missing,
    );

  it("is told in words: of etcd, of the rung that it runs on, of helm", () => {
    assert.deepEqual(lacking("cluster-real"), ["no etcd", "no root", "no helm"]);
    assert.deepEqual(lacking("charts"), ["no etcd", "no helm"]);
    assert.deepEqual(lacking("cluster"), ["no etcd"]);
    assert.deepEqual(lacking("unit"), []);
  });

  it("is not what a suite runs without: its tests say what they leave out", () => {
    assert.deepEqual(lacking("integration"), ["no etcd", "no etcdutl"]);
  });
});
