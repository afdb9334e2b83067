/** The one cluster that is tried by hand: where it lies, what it is, and whether it runs. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Rung } from "./needs.ts";
import { runningIn, type Noted } from "./pid-file.ts";

/** Below the project, so that two checkouts do not meet; absolute, so that a shell elsewhere can use what it holds. */
export const clusterFolder = path.resolve(".cache/cluster");

export interface ByHand {
  readonly rung: Rung;
  readonly url: string;
  readonly kubernetesVersion: string;
  readonly etcdVersion: string;
  readonly kubeconfig: string;
  /** The folder of kubectl. */
  readonly programs: string;
}

const stateFile = path.join(clusterFolder, "cluster.json");

export function note(cluster: ByHand): void {
  writeFileSync(stateFile, `${JSON.stringify(cluster, undefined, 2)}\n`);
}

export type Found =
  | { readonly is: "nothing" }
  | { readonly is: "up"; readonly cluster: ByHand; readonly processes: readonly Noted[] }
  /** A start that was interrupted, or a machine that was switched off: to be taken down first. */
  | { readonly is: "remains"; readonly processes: readonly Noted[] };

export function look(): Found {
  if (!existsSync(clusterFolder)) return { is: "nothing" };
  const processes = runningIn(clusterFolder);
  if (!existsSync(stateFile) || processes.length === 0) return { is: "remains", processes };
  return { is: "up", cluster: JSON.parse(readFileSync(stateFile, "utf8")) as ByHand, processes };
}

/** What to type next. */
export function hints({ rung, kubeconfig, programs, url }: ByHand): string {
  const inPods =
    rung === "real"
      ? "With pods: make cluster-load brings the images, and docs/quickstart.md goes on from there."
      : "With pods: make cluster-up RUNG=real, and docs/quickstart.md.";
  return `
  In your shell:
    export KUBECONFIG=${kubeconfig}
    export PATH=${programs}:$PATH

  Holdfast's resources, and a pool of locks:
    kubectl apply --server-side -f crds/
    kubectl wait --for=condition=Established crd/distributedlocks.holdfast.dev
    kubectl apply -f examples/orders.yaml
    kubectl get hflock

  ${inPods}
  What is refused, and how: kubectl apply -f test/cluster/bad/lock-ttl-too-long.yaml
  The API is at ${url}, its logs are in ${path.join(clusterFolder, "logs")}.
  make cluster-down ends it and leaves nothing.
`;
}
