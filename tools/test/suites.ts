/** The suites of `make test`, in the order in which they say most soonest, and the tools that each needs. */
import type { EtcdMinor } from "#tools/fetch.ts";

export interface Suite {
  readonly name: string;
  /** Versions of etcd without which the suite cannot run. */
  readonly etcd: readonly EtcdMinor[];
  /** Brought where that is possible; the suite says itself what it leaves out without. */
  readonly etcdToo: readonly EtcdMinor[];
}

export const suites: readonly Suite[] = [
  { name: "house", etcd: [], etcdToo: [] },
  { name: "unit", etcd: [], etcdToo: [] },
  { name: "simulation", etcd: [], etcdToo: [] },
  { name: "contract", etcd: ["3.7", "3.6"], etcdToo: ["3.4"] },
  { name: "integration", etcd: ["3.7", "3.6"], etcdToo: ["3.4"] },
];

/** SUITE= or FILE= names what is not there. */
export class NoSuchTests extends Error {
  override readonly name = "NoSuchTests";
}

export interface Selection {
  readonly suite?: string | undefined;
  readonly file?: string | undefined;
}

export interface Chosen {
  readonly suite: Suite;
  /** Files or patterns for mocha. */
  readonly specs: readonly string[];
}

/** What SUITE= and FILE= ask for; throws where they name nothing that exists. */
export function choose({ suite, file }: Selection): Chosen[] {
  if (file !== undefined && file !== "") return chooseFiles(file.split(/[\s,]+/));
  const names =
    suite === undefined || suite === "" ? suites.map(({ name }) => name) : suite.split(/[\s,]+/);
  const known = suites.map(({ name }) => name);
  const strange = names.filter((name) => !known.includes(name));
  if (strange.length > 0)
    throw new NoSuchTests(
      `There is no suite ${strange.join(", ")}. There are: ${known.join(", ")}.`,
    );
  return suites
    .filter(({ name }) => names.includes(name))
    .map((each) => ({ suite: each, specs: [`test/${each.name}/**/*.test.ts`] }));
}

function chooseFiles(files: readonly string[]): Chosen[] {
  const chosen = suites.map((suite) => ({
    suite,
    specs: files.filter((file) => file.replace(/^\.\//, "").startsWith(`test/${suite.name}/`)),
  }));
  const found = chosen.flatMap(({ specs }) => specs);
  const strange = files.filter((file) => !found.includes(file));
  if (strange.length > 0)
    throw new NoSuchTests(`FILE= names test files below test/SUITE/: not ${strange.join(", ")}.`);
  return chosen.filter(({ specs }) => specs.length > 0);
}
