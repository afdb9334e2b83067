/**
 * The alerts, each with what it means and what to do: the PrometheusRule and docs/operations/alerts.md are made from it.
 * `NAMESPACE` in an expression stands for the operator's own. A test sees that every metric they name is exported.
 */
export interface Alert {
  readonly name: string;
  readonly expr: string;
  readonly for: string;
  readonly severity: "critical" | "warning" | "info";
  /** As Prometheus fills it in. */
  readonly summary: string;
  readonly means: string;
  readonly advice: string;
}

const own = 'namespace="NAMESPACE"';
const elsewhere = 'namespace!="NAMESPACE"';

export const alerts: readonly Alert[] = [
  {
    name: "HoldfastNoOperatorAtWork",
    expr: `absent(holdfast_operator_at_work{${own}} == 1)`,
    for: "5m",
    severity: "critical",
    summary: "No operator of Holdfast does what the leader does.",
    means:
      "What is applied is not published, statuses stand still, and where no replica runs at all, new pods that ask for a sidecar are refused. Sidecars that run go on: they need no operator until their certificates end.",
    advice:
      "`kubectl get pods,lease -n NAMESPACE` shows whether replicas run and which of them holds the Lease; the log of that one says what it waits for. Most often it cannot reach the API server, or the Backend's etcd is in use by another installation.",
  },
  {
    name: "HoldfastTwoOperatorsAtWork",
    expr: `sum(holdfast_operator_at_work{${own}}) > 1`,
    for: "5m",
    severity: "warning",
    summary: "{{ $value }} operators of Holdfast do what the leader does.",
    means:
      "One leads at a time; for a moment two may believe so, and then the older one can change nothing. For minutes, two installations share a namespace.",
    advice:
      "`helm list -n NAMESPACE` shows whether there are two releases. Each needs a namespace of its own.",
  },
  {
    name: "HoldfastOperatorWithoutEtcd",
    expr: `min(holdfast_etcd_reachable{${own}}) == 0`,
    for: "5m",
    severity: "critical",
    summary: "The operator does not reach etcd.",
    means: "Nothing is published and no namespace gets its user. What is published stays in force.",
    advice:
      "`kubectl describe hfbackend default -n NAMESPACE`: the condition that is not True has [its own paragraph](conditions-backend.md).",
  },
  {
    name: "HoldfastSidecarsWithoutEtcd",
    expr: `count by (namespace) (holdfast_etcd_reachable{${elsewhere}} == 0) > 0`,
    for: "2m",
    severity: "critical",
    summary: "{{ $value }} sidecars in {{ $labels.namespace }} do not reach etcd.",
    means: "Their locks are lost, and acquires are answered 503, until etcd answers again.",
    advice:
      "Where all namespaces are concerned, look at etcd. Where one is, look for a NetworkPolicy there that keeps its pods from the port 2379, and in the sidecar's log for the name of the error.",
  },
  {
    name: "HoldfastSidecarsWithoutSession",
    expr: `count by (namespace) (holdfast_session_state{state="held", ${elsewhere}} == 0) > 0`,
    for: "5m",
    severity: "warning",
    summary:
      "{{ $value }} sidecars in {{ $labels.namespace }} have had no session for five minutes.",
    means: "These sidecars can grant nothing, though etcd may be reachable for them.",
    advice:
      "The sidecar's log (`kubectl logs POD -c holdfast`) names what etcd answers: most often that its user is not there or may not read its part.",
  },
  {
    name: "HoldfastSessionsLost",
    expr: `sum by (namespace) (increase(holdfast_session_losses_total[15m])) > 5`,
    for: "0m",
    severity: "warning",
    summary:
      "{{ $value }} sessions were lost in {{ $labels.namespace }} within a quarter of an hour.",
    means: "With a session go all locks that its pod held.",
    advice:
      "etcd was away for longer than `sessionTtl`, or the sidecars did not get the processor: compare the panel of the event loop, and the CPU limits of the pods.",
  },
  {
    name: "HoldfastWaitsEndWithoutLock",
    expr: `sum by (namespace, pool) (rate(holdfast_lock_timed_out_total[15m])) > sum by (namespace, pool) (rate(holdfast_lock_granted_total[15m]))`,
    for: "30m",
    severity: "warning",
    summary:
      "More waits for locks of {{ $labels.namespace }}/{{ $labels.pool }} end without one than with one.",
    means: "Holders keep their locks for longer than others are willing to wait.",
    advice:
      "`kubectl describe hflock POOL -n NAMESPACE` shows how many wait and since when; `GET /v1/locks/POOL/LOCK` in one of the pods names the holder. Shorten the work under the lock, or take locks with finer names.",
  },
  {
    name: "HoldfastReconcileErrors",
    expr: `sum by (controller) (increase(controller_runtime_reconcile_errors_total{${own}}[15m])) > 10`,
    for: "15m",
    severity: "warning",
    summary: "The controller {{ $labels.controller }} of Holdfast keeps failing.",
    means: "Some resources do not come to what their specs say.",
    advice: "The operator's log has each error with the resource's name.",
  },
  {
    name: "HoldfastReconcileStuck",
    expr: `max by (controller) (workqueue_longest_running_processor_seconds{${own}}) > 120`,
    for: "5m",
    severity: "warning",
    summary:
      "The controller {{ $labels.controller }} of Holdfast has worked on one resource for {{ $value }} s.",
    means: "A call to etcd or to the API server neither answers nor fails.",
    advice: "Delete the leading pod: another takes over. Keep its log, and report it.",
  },
  {
    name: "HoldfastForbidden",
    expr: `sum by (method) (increase(rest_client_requests_total{${own}, code="403"}[15m])) > 0`,
    for: "15m",
    severity: "warning",
    summary: "The API server forbids the operator what it asks ({{ $labels.method }}).",
    means: "A Role of the chart is missing or was changed.",
    advice:
      "The operator's log names what is forbidden; [its permissions](../reference/permissions.md) say why it is needed. `helm upgrade` puts Roles back. A namespace that is just being deleted may cause a few of these.",
  },
  {
    name: "HoldfastPodsWithoutSidecar",
    expr: `max by (pod_namespace) (holdfast_pods_to_restart{${own}, reason="Missing"}) > 0`,
    for: "30m",
    severity: "warning",
    summary:
      "{{ $value }} pods in {{ $labels.pod_namespace }} ask for a sidecar of Holdfast and run without.",
    means:
      "Their apps find nobody on localhost. They were made before the label was set, or while the webhooks were not configured; nobody can give a running pod a sidecar.",
    advice:
      "`kubectl describe hfbackend default -n NAMESPACE` names some of them, and an Event of each says how it is made anew, most often by `kubectl rollout restart`. What shall run without a sidecar gets the label `holdfast.dev/inject: disabled`. [Injection](injection.md#find-pods-without-a-sidecar-and-old-sidecars) has the whole.",
  },
  {
    name: "HoldfastOldSidecars",
    expr: `max by (pod_namespace, reason) (holdfast_pods_to_restart{${own}, reason=~"OldVersion|OldTemplate"}) > 0`,
    for: "24h",
    severity: "info",
    summary:
      "{{ $value }} pods in {{ $labels.pod_namespace }} have an old sidecar of Holdfast ({{ $labels.reason }}).",
    means:
      "They go on. Sidecars change only with their pods, and those of more than two minor versions before are not tested with this operator.",
    advice:
      "Restart the workloads when it suits: `kubectl rollout restart`. [Injection](injection.md#find-pods-without-a-sidecar-and-old-sidecars) says how to find them.",
  },
  {
    name: "HoldfastDriftRepaired",
    expr: `sum by (kind) (increase(holdfast_drift_repaired_total{${own}}[1h])) > 0`,
    for: "0m",
    severity: "warning",
    summary:
      "Records of {{ $labels.kind }} in etcd were changed by somebody else, and published again.",
    means:
      "Nobody but the operator writes into its part of etcd, unless by hand or after a restore.",
    advice:
      "If it repeats, look for who else has etcd's admin. After a restore it is what should happen.",
  },
  {
    name: "HoldfastAuthorityEnds",
    expr: `min by (authority) (holdfast_authority_expiry_timestamp_seconds{${own}}) - time() < 90 * 86400`,
    for: "1h",
    severity: "warning",
    summary: "The authority {{ $labels.authority }} of Holdfast ends within 90 days.",
    means:
      "The leader renews it a year before its end: for nine months nobody has done so. When it ends, sidecars and the API server believe the operator no more.",
    advice:
      "The leader's log says why it is not renewed; most often nobody leads. The authority is the Secret whose name ends with `-ca-` and its name.",
  },
  {
    name: "HoldfastEventLoopStands",
    expr: `max by (namespace, pod) (holdfast_event_loop_lag_seconds) > 0.5`,
    for: "10m",
    severity: "warning",
    summary:
      "A process of Holdfast in {{ $labels.namespace }}/{{ $labels.pod }} stands still for {{ $value }} s at a time.",
    means:
      "It does not get the processor. A sidecar that stands for longer than its session is given up, by itself and by etcd.",
    advice:
      "Raise its CPU limit or request (the annotations of injection, `operator.resources`), or look for the neighbour that takes the node.",
  },
  {
    name: "HoldfastMetricsDropped",
    expr: `sum by (namespace) (increase(holdfast_metrics_dropped_series_total[1h])) > 0`,
    for: "0m",
    severity: "info",
    summary: "Metrics of Holdfast in {{ $labels.namespace }} are cut.",
    means: "There are more pools than a family of metrics shows.",
    advice:
      "Nothing is wrong with locks. Use fewer pools: a pool holds any number of locks by name.",
  },
];

/** As Prometheus' operator takes them. `RUNBOOKS` stands for where the page is. */
export function rulesOf(): object {
  const rules = alerts.map((alert) => ({
    alert: alert.name,
    expr: alert.expr,
    for: alert.for,
    labels: { severity: alert.severity },
    annotations: { summary: alert.summary, runbook_url: `RUNBOOKS#${alert.name.toLowerCase()}` },
  }));
  return { groups: [{ name: "holdfast", rules }] };
}

export function alertsPage(): string[] {
  return [
    "# Alerts",
    "",
    "`metrics.alerts.enabled=true` makes them part of the release, as a PrometheusRule; each leads to its paragraph here by its `runbook_url`. `NAMESPACE` is the operator's namespace. They need `metrics.serviceMonitor` and `metrics.podMonitor`, or other ways by which Prometheus reads the port 4655 and sets the labels `namespace` and `pod`.",
    ...alerts.flatMap((alert) => [
      "",
      `## ${alert.name}`,
      "",
      `${alert.severity}${alert.for === "0m" ? "" : `, after ${alert.for}`}: ${alert.means}`,
      "",
      "```text",
      alert.expr,
      "```",
      "",
      alert.advice,
    ]),
  ];
}
