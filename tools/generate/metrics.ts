/** `docs/reference/metrics.md`: what the processes export, read off the declarations that they make at their start. */
import { Metrics, seriesOf, type FamilyFacts } from "#host/metrics.ts";
import { declareSidecars } from "#operator/controllers/sidecars/metrics.ts";
import {
  declareAuthorities,
  declareServing,
  exchangesCounter,
} from "#operator/identity/metrics.ts";
import { KubeMetrics } from "#operator/kube/metrics.ts";
import { declareMetrics as declareOperator, repairedCounter } from "#operator/metrics.ts";
import { injectPath } from "#operator/webhooks/configuration.ts";
import { injectionsCounter, webhookRequests } from "#operator/webhooks/metrics.ts";
import { declareIdentity } from "#sidecar/identity/metrics.ts";
import { answersCounter, declareMetrics as declareSidecar } from "#sidecar/metrics.ts";
import type { Made } from "./made.ts";
import { code, page, table } from "./markdown.ts";

const sources =
  "sidecar/metrics.ts and sidecar/identity/metrics.ts and operator/metrics.ts and operator/controllers/sidecars/metrics.ts and operator/identity/metrics.ts and operator/webhooks/metrics.ts and operator/kube/metrics.ts";

export function makeMetrics(): Promise<Made> {
  const lines = [
    "# Metrics",
    "",
    "As OpenMetrics text at `/metrics` of the health port, for every sidecar and every replica of the operator. Labels are never names of locks, keys or callers, so their number does not grow with use; a family is cut at 2,000 series, and what is cut is counted. A series is there once it has something to say.",
    "",
    "A histogram `x` has the series `x_bucket`, `x_count` and `x_sum`.",
    "",
    "## The sidecar",
    "",
    ...tableOf(sidecarFamilies()),
    "",
    "## The operator",
    "",
    "Those without `holdfast_` have the names, labels and buckets of controller-runtime and client-go: dashboards and alerts made for these fit.",
    "",
    ...tableOf(operatorFamilies()),
  ];
  return Promise.resolve(new Map([["docs/reference/metrics.md", page(sources, lines)]]));
}

/** Declaring reads no value. */
const unread = (): never => {
  throw new Error("Nothing is scraped here.");
};

export function sidecarFamilies(): readonly FamilyFacts[] {
  const metrics = new Metrics();
  answersCounter(metrics);
  declareIdentity(metrics, { notAfterMs: unread, isGood: unread });
  declareSidecar(metrics, {
    session: unread,
    counters: unread,
    requests: unread,
    connections: unread,
    streams: unread,
    writesWaiting: unread,
    etcdReachable: unread,
    lagMs: unread,
  });
  return metrics.families();
}

export function operatorFamilies(): readonly FamilyFacts[] {
  const metrics = new Metrics();
  repairedCounter(metrics);
  declareOperator(metrics, { etcdConnected: unread, isAtWork: unread, lagMs: unread });
  declareSidecars(metrics, { toRestart: unread, injected: unread });
  declareAuthorities(metrics, unread);
  declareServing(metrics, unread);
  exchangesCounter(metrics);
  injectionsCounter(metrics);
  webhookRequests(metrics, injectPath);
  new KubeMetrics(metrics);
  return metrics.families();
}

function tableOf(families: readonly FamilyFacts[]): string[] {
  const rows = families.map((family) => [
    code(seriesOf(family)),
    family.kind,
    (family.names.labels ?? []).map(code).join(", "),
    family.names.help,
  ]);
  return table(["metric", "type", "labels", "what"], rows);
}
