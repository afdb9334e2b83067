/** The suites of `make test`, in the order in which they say most soonest, and the tools that each needs. */
import type { Rung } from "#tools/cluster/needs.ts";
import type { EtcdMinor } from "#tools/fetch.ts";
import type { HelmMajor } from "#tools/fetch/helm.ts";
import type { BuiltName } from "#tools/fetch/built.ts";
import type { NodeMajor } from "#tools/fetch/node.ts";

export interface Suite {
  readonly name: string;
  /** Versions of etcd without which the suite cannot run. */
  readonly etcd: readonly EtcdMinor[];
  /** Brought where that is possible; the suite says itself what it leaves out without. */
  readonly etcdToo: readonly EtcdMinor[];
  /** Versions of etcd's own tool for snapshots, without which it cannot run. */
  readonly etcdutl?: readonly EtcdMinor[];
  /** Brought where that is possible, as etcdToo. */
  readonly builtToo?: readonly BuiltName[];
  /** Majors of Node, besides the one that runs the tests; brought where that is possible, as etcdToo. */
  readonly nodeToo?: readonly NodeMajor[];
  /** The rung of the test cluster without which it cannot run. */
  readonly rung?: Rung;
  /** Majors of helm without which it cannot run. */
  readonly helm?: readonly HelmMajor[];
  /** Prometheus' tool for rules; brought where that is possible, as etcdToo. */
  readonly promtoolToo?: true;
  /** Its files run side by side, in two processes: for tests that share nothing but the processor. */
  readonly sideBySide?: true;
  /** Absent: the folder of its name. A suite may lie in the folder of another, which then leaves it out. */
  readonly folder?: string;
  /** Absent: all tests of the folder. */
  readonly files?: readonly string[];
  /** Runs only when it is named: it takes long, or what it needs takes long to build. */
  readonly onDemand?: boolean;
  /** It is ended then. Absent: a quarter of an hour. */
  readonly minutesMax?: number;
}

export const suites: readonly Suite[] = [
  { name: "house", etcd: [], etcdToo: [] },
  { name: "unit", etcd: [], etcdToo: [], sideBySide: true },
  { name: "simulation", etcd: [], etcdToo: [], sideBySide: true },
  { name: "contract", etcd: ["3.7", "3.6"], etcdToo: ["3.4"] },
  {
    name: "integration",
    ...{ etcd: ["3.7", "3.6"], etcdToo: ["3.4"], builtToo: ["registry"], sideBySide: true },
    ...{ etcdutl: ["3.7", "3.6"], nodeToo: ["20", "22", "24"] },
  },
  { name: "faults", etcd: ["3.7"], etcdToo: [] },
  { name: "cluster", etcd: ["3.7"], etcdToo: [], rung: "light", sideBySide: true },
  {
    name: "charts",
    ...{ etcd: ["3.7"], etcdToo: [], rung: "light", helm: ["3", "4"], promtoolToo: true },
    folder: "test/cluster/charts",
  },
  {
    name: "cluster-real",
    ...{ etcd: ["3.7"], etcdToo: [], rung: "real", helm: ["4"] },
    folder: "test/cluster/real",
  },
  {
    name: "cluster-real-long",
    ...{ etcd: ["3.7"], etcdToo: [], rung: "real", helm: ["3", "4"], onDemand: true },
    ...{ folder: "test/cluster/real-long", minutesMax: 45, builtToo: ["policies"] },
  },
  {
    name: "cluster-oldest",
    ...{ etcd: ["3.7"], etcdToo: [], rung: "oldest", folder: "test/cluster", onDemand: true },
    files: ["crds", "refusals", "operator"],
  },
  {
    name: "charts-oldest",
    ...{ etcd: ["3.7"], etcdToo: [], rung: "oldest", helm: ["3", "4"], onDemand: true },
    ...{ folder: "test/cluster/charts", files: ["installed"] },
  },
];

/** Those that run when none is named. */
export const usualSuites = suites.filter(({ onDemand }) => onDemand !== true);

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
  /** Patterns of what is left out of them. */
  readonly except: readonly string[];
}

const folderOf = ({ name, folder }: Suite): string => folder ?? `test/${name}`;
const testsIn = (suite: Suite): string[] =>
  (suite.files ?? ["**/*"]).map((file) => `${folderOf(suite)}/${file}.test.ts`);

/** The suites that lie in the folder of this one. */
const inside = (suite: Suite): Suite[] =>
  suites.filter((other) => folderOf(other).startsWith(`${folderOf(suite)}/`));

/** What SUITE= and FILE= ask for; throws where they name nothing that exists. */
export function choose({ suite, file }: Selection): Chosen[] {
  if (file !== undefined && file !== "") return chooseFiles(file.split(/[\s,]+/));
  const names =
    suite === undefined || suite === ""
      ? usualSuites.map(({ name }) => name)
      : suite.split(/[\s,]+/);
  const known = suites.map(({ name }) => name);
  const strange = names.filter((name) => !known.includes(name));
  if (strange.length > 0)
    throw new NoSuchTests(
      `There is no suite ${strange.join(", ")}. There are: ${known.join(", ")}.`,
    );
  return suites
    .filter(({ name }) => names.includes(name))
    .map((each) => ({ suite: each, specs: testsIn(each), except: inside(each).flatMap(testsIn) }));
}

function chooseFiles(files: readonly string[]): Chosen[] {
  const isIn = (file: string, suite: Suite): boolean =>
    file.replace(/^\.\//, "").startsWith(`${folderOf(suite)}/`);
  const isHis = (file: string, suite: Suite): boolean =>
    isIn(file, suite) && !inside(suite).some((other) => isIn(file, other));
  const specOf = (file: string): string =>
    file.endsWith(".ts") ? file : `${file.replace(/\/$/, "")}/**/*.test.ts`;
  const chosen = usualSuites.map((suite) => ({
    suite,
    specs: files.filter((file) => isHis(file, suite)).map(specOf),
    except: [],
  }));
  const found = usualSuites.flatMap((suite) => files.filter((file) => isHis(file, suite)));
  const strange = files.filter((file) => !found.includes(file));
  if (strange.length > 0)
    throw new NoSuchTests(`FILE= names test files below test/SUITE/: not ${strange.join(", ")}.`);
  return chosen.filter(({ specs }) => specs.length > 0);
}
