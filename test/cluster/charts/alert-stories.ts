/**
 * What each alert is for, as what Prometheus would have seen: a value a minute, in promtool's notation (`1+2x10` is 1 and ten
 * more, each 2 higher; `0x10` is eleven times 0). Its clock begins at 0, so an end at `9e3` is two hours and a half away.
 */
import { namespace } from "./chart.ts";

export interface Story {
  readonly alert: string;
  /** What happens. */
  readonly when: string;
  readonly series: Readonly<Record<string, string>>;
  /** Between two values; absent: a minute. */
  readonly every?: string;
  /** It says nothing yet; absent: it is told at once. */
  readonly quietAt?: string;
  readonly firesAt: string;
  /** What tells one such alert from another. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly summary: string;
}

/** A series of the operator's pod, or of a sidecar's. */
const own = (name: string, labels = "", pod = "operator-a"): string =>
  `${name}{namespace="${namespace}",pod="${pod}"${labels === "" ? "" : `,${labels}`}}`;
const shop = (name: string, labels = "", pod = "app-a"): string =>
  `${name}{namespace="shop",pod="${pod}"${labels === "" ? "" : `,${labels}`}}`;

const hours = 3_600;
const days = 24 * hours;

/** An installation in which all is well, for longer than any alert looks back but the one about renewals. */
export function calm(minutes: number): Readonly<Record<string, string>> {
  const steady = (value: number): string => `${value}x${minutes}`;
  const growing = (by: number): string => `0+${by}x${minutes}`;
  const later = minutes * 60;
  return {
    [own("holdfast_operator_at_work")]: steady(1),
    [own("holdfast_operator_at_work", "", "operator-b")]: steady(0),
    [own("holdfast_etcd_reachable")]: steady(1),
    [own("holdfast_serving_expiry_timestamp_seconds")]: steady(later + 5 * days),
    [own("holdfast_serving_expiry_timestamp_seconds", "", "operator-b")]: steady(later + 5 * days),
    [own("holdfast_authority_expiry_timestamp_seconds", 'authority="clients"')]: steady(
      later + 3_650 * days,
    ),
    [own("holdfast_authority_trusted", 'authority="clients"')]: steady(1),
    [own("holdfast_injection_total", 'outcome="patched",reason=""')]: growing(1),
    [own("holdfast_injection_total", 'outcome="skipped",reason="AlreadyInjected"')]: growing(1),
    [own("holdfast_injection_total", 'outcome="refused",reason="PortClash"')]: steady(3),
    [own("controller_runtime_webhook_requests_total", 'webhook="/inject",code="200"')]: growing(2),
    [own("controller_runtime_webhook_latency_seconds_bucket", inject("0.25"))]: growing(2),
    [own("controller_runtime_webhook_latency_seconds_bucket", inject("2.5"))]: growing(2),
    [own("controller_runtime_webhook_latency_seconds_bucket", inject("+Inf"))]: growing(2),
    [own("holdfast_identity_exchanges_total", 'outcome="issued"')]: growing(3),
    [own("holdfast_identity_exchanges_total", 'outcome="password_missing"')]: steady(2),
    [own("controller_runtime_reconcile_errors_total", 'controller="distributedlocks"')]:
      growing(0.1),
    [own("workqueue_longest_running_processor_seconds", queue)]: steady(1),
    [own("rest_client_requests_total", 'code="200",method="GET",host="api"')]: growing(60),
    [own("holdfast_drift_repaired_total", 'kind="DistributedLock"')]: steady(1),
    [own("holdfast_event_loop_lag_seconds")]: steady(0.02),
    [own("holdfast_metrics_dropped_series_total")]: steady(0),
    [shop("holdfast_etcd_reachable")]: steady(1),
    [shop("holdfast_session_state", 'state="held"')]: steady(1),
    [shop("holdfast_session_state", 'state="lost"')]: steady(0),
    [shop("holdfast_session_losses_total")]: steady(1),
    [shop("holdfast_lock_granted_total", 'pool="orders"')]: growing(10),
    [shop("holdfast_lock_timed_out_total", 'pool="orders"')]: growing(1),
    [shop("holdfast_identity_good")]: steady(1),
    [shop("holdfast_identity_expiry_timestamp_seconds")]: steady(later + 16 * hours),
    [shop("holdfast_identity_asks_total", 'outcome="renewed"')]: growing(0.01),
    // One failure, long ago, as when an operator was replaced.
    [shop("holdfast_identity_asks_total", 'outcome="connect"')]: steady(1),
    [shop("holdfast_event_loop_lag_seconds")]: steady(0.02),
    [shop("holdfast_metrics_dropped_series_total")]: steady(0),
  };
}

function inject(le: string): string {
  return `webhook="/inject",code="200",le="${le}"`;
}

const queue = 'name="distributedlocks",controller="distributedlocks"';

export const stories: readonly Story[] = [
  {
    alert: "HoldfastNoOperatorAtWork",
    when: "replicas run, and none of them leads any more",
    series: {
      [own("holdfast_operator_at_work")]: "1x10 0x20",
      [own("holdfast_operator_at_work", "", "operator-b")]: "0x30",
    },
    ...{ quietAt: "14m", firesAt: "17m" },
    summary: "No operator of Holdfast does what the leader does.",
  },
  {
    alert: "HoldfastNoOperatorAtWork",
    when: "there is no replica any more",
    series: { [own("holdfast_operator_at_work")]: "1x10 stale" },
    ...{ quietAt: "14m", firesAt: "17m" },
    summary: "No operator of Holdfast does what the leader does.",
  },
  {
    alert: "HoldfastTwoOperatorsAtWork",
    when: "two releases stand in one namespace",
    series: {
      [own("holdfast_operator_at_work")]: "1x20",
      [own("holdfast_operator_at_work", "", "other-a")]: "0x10 1x10",
    },
    ...{ quietAt: "10m", firesAt: "17m" },
    summary: "2 operators of Holdfast do what the leader does.",
  },
  {
    alert: "HoldfastOperatorWithoutEtcd",
    when: "etcd is gone for the leader",
    series: { [own("holdfast_etcd_reachable")]: "1x10 0x10" },
    ...{ quietAt: "14m", firesAt: "17m" },
    summary: "The operator does not reach etcd.",
  },
  {
    alert: "HoldfastPodsWithoutSidecar",
    when: "a namespace gets its label, and nobody makes its pods anew",
    series: {
      [own("holdfast_pods_to_restart", 'pod_namespace="shop",reason="Missing"')]: "0x4 3x60",
      [own("holdfast_pods_to_restart", 'pod_namespace="billing",reason="Missing"')]: "0x64",
    },
    ...{ quietAt: "33m", firesAt: "37m", labels: { pod_namespace: "shop" } },
    summary: "3 pods in shop ask for a sidecar of Holdfast and run without.",
  },
  {
    alert: "HoldfastOldSidecars",
    when: "the operator was upgraded, and a day later pods are still as they were",
    series: {
      [own("holdfast_pods_to_restart", 'pod_namespace="shop",reason="OldVersion"')]: "0x2 2x40",
    },
    ...{ every: "1h", quietAt: "26h", firesAt: "28h" },
    labels: { pod_namespace: "shop", reason: "OldVersion" },
    summary: "2 pods in shop have an old sidecar of Holdfast (OldVersion).",
  },
  {
    alert: "HoldfastSidecarsWithoutEtcd",
    when: "a policy keeps one namespace from etcd",
    series: {
      [shop("holdfast_etcd_reachable")]: "1x10 0x10",
      [shop("holdfast_etcd_reachable", "", "app-b")]: "1x10 0x10",
      'holdfast_etcd_reachable{namespace="billing",pod="b-1"}': "1x20",
      [own("holdfast_etcd_reachable")]: "0x20",
    },
    ...{ quietAt: "12m", firesAt: "14m", labels: { namespace: "shop" } },
    summary: "2 sidecars in shop do not reach etcd.",
  },
  {
    alert: "HoldfastSidecarsWithoutSession",
    when: "etcd answers, and lets one sidecar write nothing",
    series: {
      [shop("holdfast_session_state", 'state="held"')]: "0x20",
      [shop("holdfast_session_state", 'state="held"', "app-b")]: "1x20",
    },
    ...{ quietAt: "4m", firesAt: "6m", labels: { namespace: "shop" } },
    summary: "1 sidecars in shop have had no session for five minutes.",
  },
  {
    alert: "HoldfastSessionsLost",
    when: "etcd was away for half a minute under seven sidecars",
    series: Object.fromEntries(
      Array.from({ length: 7 }, (_, at) => [
        shop("holdfast_session_losses_total", "", `app-${at}`),
        "0x10 1x20",
      ]),
    ),
    ...{ quietAt: "10m", firesAt: "15m", labels: { namespace: "shop" } },
    summary: "7 sessions were lost in shop within a quarter of an hour.",
  },
  {
    alert: "HoldfastWaitsEndWithoutLock",
    when: "one holder sits on what many want",
    series: {
      [shop("holdfast_lock_granted_total", 'pool="orders"')]: "0+1x120",
      [shop("holdfast_lock_timed_out_total", 'pool="orders"')]: "0x60 0+5x60",
      [shop("holdfast_lock_timed_out_total", 'pool="carts"')]: "0x120",
    },
    ...{ quietAt: "80m", firesAt: "100m", labels: { namespace: "shop", pool: "orders" } },
    summary: "More waits for locks of shop/orders end without one than with one.",
  },
  {
    alert: "HoldfastReconcileErrors",
    when: "one resource cannot be published",
    series: {
      [own("controller_runtime_reconcile_errors_total", 'controller="backend"')]: "0x60",
      [own("controller_runtime_reconcile_errors_total", 'controller="distributedlocks"')]: "0+2x60",
    },
    ...{ quietAt: "12m", firesAt: "30m", labels: { controller: "distributedlocks" } },
    summary: "The controller distributedlocks of Holdfast keeps failing.",
  },
  {
    alert: "HoldfastReconcileStuck",
    when: "a call neither answers nor fails",
    series: { [own("workqueue_longest_running_processor_seconds", queue)]: "0x10 0+60x20" },
    ...{ quietAt: "16m", firesAt: "20m", labels: { controller: "distributedlocks" } },
    summary: "The controller distributedlocks of Holdfast has worked on one resource for 9m 0s.",
  },
  {
    alert: "HoldfastForbidden",
    when: "somebody has taken a right away",
    series: {
      [own("rest_client_requests_total", 'code="403",method="PATCH",host="api"')]: "0+1x60",
      [own("rest_client_requests_total", 'code="200",method="GET",host="api"')]: "0+60x60",
    },
    ...{ quietAt: "10m", firesAt: "20m", labels: { method: "PATCH" } },
    summary: "The API server forbids the operator what it asks (PATCH).",
  },
  {
    alert: "HoldfastDriftRepaired",
    when: "somebody writes into etcd by hand",
    series: {
      [own("holdfast_drift_repaired_total", 'kind="DistributedLock"')]: "1x10 2x20",
    },
    ...{ quietAt: "10m", firesAt: "15m", labels: { kind: "DistributedLock" } },
    summary: "Records of DistributedLock in etcd were changed by somebody else, and published again.",
  },
  {
    alert: "HoldfastOperatorNotServing",
    when: "one replica has no authority to issue its certificate from, and one shows what has ended",
    series: {
      [own("holdfast_operator_at_work")]: "1x20",
      [own("holdfast_operator_at_work", "", "operator-b")]: "0x20",
      [own("holdfast_operator_at_work", "", "operator-c")]: "0x20",
      [own("holdfast_serving_expiry_timestamp_seconds")]: "300x20",
      [own("holdfast_serving_expiry_timestamp_seconds", "", "operator-c")]: `${days}x20`,
    },
    ...{ quietAt: "4m", firesAt: "11m" },
    summary: "2 replicas of the operator have no certificate to show.",
  },
  {
    alert: "HoldfastCannotInject",
    when: "the operator was not told the sidecar's image",
    series: {
      [own("holdfast_injection_total", 'outcome="refused",reason="NoImage"')]: "0+2x20",
      [own("holdfast_injection_total", 'outcome="refused",reason="PortClash"')]: "0+2x20",
    },
    ...{ quietAt: "4m", firesAt: "8m", labels: { reason: "NoImage" } },
    summary: "The operator refuses pods for what it lacks itself: NoImage.",
  },
  {
    alert: "HoldfastPodsRefused",
    when: "a ReplicaSet tries again and again, ever more seldom",
    series: {
      [own("holdfast_injection_total", 'outcome="refused",reason="PortClash"')]:
        "1x4 2x7 3x12 4x16 5x16 6x16",
      [own("holdfast_injection_total", 'outcome="refused",reason="NoTrust"')]: "0+2x70",
      [own("holdfast_injection_total", 'outcome="patched",reason=""')]: "0+2x70",
    },
    ...{ quietAt: "15m", firesAt: "60m", labels: { reason: "PortClash" } },
    summary: "Pods that ask for a sidecar are refused again and again: PortClash.",
  },
  {
    alert: "HoldfastWebhookSlow",
    when: "the API server waits for a second and more",
    series: {
      [own("controller_runtime_webhook_latency_seconds_bucket", inject("1.0"))]: "0+50x30",
      [own("controller_runtime_webhook_latency_seconds_bucket", inject("2.5"))]: "0+100x30",
      [own("controller_runtime_webhook_latency_seconds_bucket", inject("+Inf"))]: "0+100x30",
    },
    ...{ quietAt: "9m", firesAt: "15m" },
    summary: "One answer in a hundred to the API server takes 2.47s.",
  },
  {
    alert: "HoldfastWebhookFails",
    when: "the API server goes before it is answered",
    series: {
      [own("controller_runtime_webhook_requests_total", 'webhook="/inject",code="0"')]: "0+1x60",
      [own("controller_runtime_webhook_requests_total", 'webhook="/inject",code="405"')]: "0+1x60",
      [own("controller_runtime_webhook_requests_total", 'webhook="/inject",code="200"')]: "0+9x60",
    },
    ...{ quietAt: "14m", firesAt: "20m", labels: { code: "0" } },
    summary: "The API server gets no answer about pods from the operator (0).",
  },
  {
    alert: "HoldfastExchangesRefused",
    when: "tokens are refused",
    series: {
      [own("holdfast_identity_exchanges_total", 'outcome="token_refused"')]: "0+1x60",
      [own("holdfast_identity_exchanges_total", 'outcome="issued"')]: "0+5x60",
    },
    ...{ quietAt: "14m", firesAt: "20m", labels: { outcome: "token_refused" } },
    summary: "Sidecars are refused an identity again and again: token_refused.",
  },
  {
    alert: "HoldfastIdentityAsksFail",
    when: "no operator is reached, and certificates are good for long yet",
    series: {
      [shop("holdfast_identity_asks_total", 'outcome="connect"')]: "0x30 0+0.2x120",
      [shop("holdfast_identity_asks_total", 'outcome="renewed"')]: "1x150",
      [shop("holdfast_identity_expiry_timestamp_seconds")]: `${24 * hours}x150`,
    },
    ...{ quietAt: "80m", firesAt: "100m", labels: { namespace: "shop", outcome: "connect" } },
    summary: "Sidecars in shop have not got their next certificate for an hour: connect.",
  },
  {
    alert: "HoldfastCertificatesEnd",
    when: "of three sidecars that are near their end two get no other",
    series: Object.fromEntries(
      ["app-a", "app-b", "app-c"].flatMap((pod) => [
        [shop("holdfast_identity_expiry_timestamp_seconds", "", pod), `${5 * hours}x120`],
        [
          shop("holdfast_identity_asks_total", 'outcome="connect"', pod),
          pod === "app-c" ? "3x120" : "0+0.2x120",
        ],
        [shop("holdfast_identity_asks_total", 'outcome="TLS"', pod), "0+0.1x10 1x110"],
      ]),
    ),
    ...{ quietAt: "65m", firesAt: "75m", labels: { namespace: "shop" } },
    summary:
      "2 sidecars in shop have a certificate for less than four hours, and get no other.",
  },
  {
    alert: "HoldfastSidecarsWithoutIdentity",
    when: "a certificate has ended",
    series: {
      [shop("holdfast_identity_good")]: "1x10 0x10",
      [shop("holdfast_identity_good", "", "app-b")]: "1x20",
    },
    ...{ quietAt: "12m", firesAt: "14m", labels: { namespace: "shop" } },
    summary: "The certificates of 1 sidecars in shop have ended.",
  },
  {
    alert: "HoldfastAuthorityEnds",
    when: "nobody has renewed one of the authorities",
    series: {
      [own("holdfast_authority_expiry_timestamp_seconds", 'authority="peers"')]: `${90 * days}x120`,
      [own("holdfast_authority_expiry_timestamp_seconds", 'authority="clients"')]: `${91 * days}x120`,
    },
    ...{ quietAt: "59m", firesAt: "65m", labels: { authority: "peers" } },
    summary: "The authority peers of Holdfast ends within 90 days.",
  },
  {
    alert: "HoldfastAuthorityRenewalStands",
    when: "two of a name are trusted for sixteen days, whichever pods have told of it",
    series: {
      [own("holdfast_authority_trusted", 'authority="clients"')]: "1x24 2x190 stale",
      [own("holdfast_authority_trusted", 'authority="clients"', "operator-b")]: "_x200 2x240",
      [own("holdfast_authority_trusted", 'authority="peers"')]: "1x440",
    },
    ...{ every: "1h", quietAt: "15d", firesAt: "17d", labels: { authority: "clients" } },
    summary: "The renewal of the authority clients of Holdfast does not end.",
  },
  {
    alert: "HoldfastEventLoopStands",
    when: "a sidecar does not get the processor",
    series: {
      [shop("holdfast_event_loop_lag_seconds")]: "0.8x20",
      [shop("holdfast_event_loop_lag_seconds", "", "app-b")]: "0.02x20",
    },
    ...{ quietAt: "9m", firesAt: "12m", labels: { namespace: "shop", pod: "app-a" } },
    summary: "A process of Holdfast in shop/app-a stands still for 800ms at a time.",
  },
  {
    alert: "HoldfastMetricsDropped",
    when: "a sidecar has more pools than it can show",
    series: { [shop("holdfast_metrics_dropped_series_total")]: "0x10 3x20" },
    ...{ quietAt: "10m", firesAt: "15m", labels: { namespace: "shop" } },
    summary: "Metrics of Holdfast in shop are cut.",
  },
];

/** Alerts that no story fires, each with the reason. */
export const unfired: Readonly<Record<string, string>> = {};
