/** What is served and what is wrong with it, from both sides: etcd's records, which are in force, and the files. */
import type { ResourceProblem, ResourceView } from "#api/operations/status.ts";
import type { SpecMirror } from "./mirror.ts";
import type { OwnerStatus } from "./owner.ts";
import type { FileProblem } from "./wanted.ts";

const problemsMax = 100;

const fromBefore: ResourceProblem = {
  reason: "etcd was not read yet since the sidecar started; this is what was known before",
};

export interface ViewParts {
  readonly records: ReturnType<SpecMirror["resources"]>;
  /** What was known before etcd told anything; empty once it has. */
  readonly remembered: ReturnType<SpecMirror["remembered"]>;
  /** Both empty where no files are read. */
  readonly fileProblems: readonly FileProblem[];
  readonly differing: OwnerStatus["differing"];
}

export interface ResourcesSeen {
  readonly resources: readonly ResourceView[];
  /** Of files, or of documents that do not say what they are. */
  readonly problems: readonly ResourceProblem[];
}

export function viewResources(parts: ViewParts): ResourcesSeen {
  const { records, remembered, fileProblems, differing } = parts;
  const problemsOf = Map.groupBy(fileProblems, ({ name }) => name);
  const differs = new Map(differing.map(({ name, reason }) => [name, reason]));
  const isFromBefore = new Set(remembered);
  const known = [...records, ...remembered].map((record): ResourceView => {
    const { kind, name, generation, served, problem } = record;
    const problems = (problemsOf.get(name) ?? []).map(plain);
    if (isFromBefore.has(record)) problems.push(fromBefore);
    const reason = differs.get(name);
    if (reason !== undefined) problems.push({ reason });
    const state = !served ? "refused" : problems.length > 0 ? "outdated" : "served";
    if (!served) problems.unshift({ reason: problem ?? "it cannot be served" });
    return { kind, name, state, generation, problems: problems.slice(0, problemsMax) };
  });
  const there = new Set(records.map(({ name }) => name));
  const refused = [...problemsOf].flatMap(([name, problems]): ResourceView[] =>
    name === undefined || there.has(name)
      ? []
      : [
          {
            kind: "DistributedLock",
            name,
            state: "refused",
            problems: problems.map(plain).slice(0, problemsMax),
          },
        ],
  );
  const resources = [...known, ...refused].sort((a, b) =>
    order(`${a.kind}/${a.name}`, `${b.kind}/${b.name}`),
  );
  return {
    resources,
    problems: (problemsOf.get(undefined) ?? []).map(plain).slice(0, problemsMax),
  };
}

function plain({ name: _, ...problem }: FileProblem): ResourceProblem {
  return problem;
}

function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
