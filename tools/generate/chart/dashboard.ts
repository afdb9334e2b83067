/** The dashboard of Grafana. A test sees that every metric it names is exported. */
interface Panel {
  readonly title: string;
  readonly about: string;
  readonly unit: string;
  /** Each with its legend. */
  readonly queries: readonly (readonly [expr: string, legend: string])[];
}

interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** Chosen above the dashboard. */
const picked = 'namespace=~"$namespace"';

const locks: Row = {
  title: "Locks",
  panels: [
    {
      title: "Grants per second",
      about: "Given by etcd's order, and passed on within a pod without a write.",
      unit: "ops",
      queries: [
        [
          `sum by (pool) (rate(holdfast_lock_granted_total{${picked}}[$__rate_interval]))`,
          "{{pool}}",
        ],
        [
          `sum by (pool) (rate(holdfast_lock_handovers_total{${picked}}[$__rate_interval]))`,
          "{{pool}}, passed on",
        ],
      ],
    },
    {
      title: "Held",
      about: "Grants that are held now.",
      unit: "short",
      queries: [[`sum by (pool) (holdfast_lock_held{${picked}})`, "{{pool}}"]],
    },
    {
      title: "Ended otherwise than by release, per second",
      about:
        "Expired: not renewed. Lost: with the session. Timed out, abandoned: waits without a grant.",
      unit: "ops",
      queries: ["expired", "lost", "timed_out", "abandoned"].map((end) => [
        `sum(rate(holdfast_lock_${end}_total{${picked}}[$__rate_interval]))`,
        end.replace("_", " "),
      ]),
    },
    {
      title: "Answers per second",
      about: "Of the sidecars' HTTP API, by status.",
      unit: "reqps",
      queries: [
        [
          `sum by (status) (rate(holdfast_http_requests_total{${picked}}[$__rate_interval]))`,
          "{{status}}",
        ],
      ],
    },
  ],
};

const sidecars: Row = {
  title: "Sidecars",
  panels: [
    {
      title: "Sessions by state",
      about: "Only one that is held can grant.",
      unit: "short",
      queries: [[`sum by (state) (holdfast_session_state{${picked}})`, "{{state}}"]],
    },
    {
      title: "Sessions lost in five minutes",
      about: "With a session go all locks of its pod.",
      unit: "short",
      queries: [
        [
          `sum by (namespace) (increase(holdfast_session_losses_total{${picked}}[5m]))`,
          "{{namespace}}",
        ],
      ],
    },
    {
      title: "Memory",
      about: "The largest resident memory among the sidecars of a namespace.",
      unit: "bytes",
      queries: [[`max by (namespace) (process_resident_memory_bytes{${picked}})`, "{{namespace}}"]],
    },
    {
      title: "The event loop stood for",
      about: "The longest of each namespace: of what does not get the processor.",
      unit: "s",
      queries: [
        [`max by (namespace) (holdfast_event_loop_lag_seconds{${picked}})`, "{{namespace}}"],
      ],
    },
  ],
};

const operator: Row = {
  title: "Operator",
  panels: [
    {
      title: "At work",
      about: "1 for the replica that leads.",
      unit: "short",
      queries: [["holdfast_operator_at_work", "{{pod}}"]],
    },
    {
      title: "Reconciles per second",
      about: "By controller and result.",
      unit: "ops",
      queries: [
        [
          "sum by (controller, result) (rate(controller_runtime_reconcile_total[$__rate_interval]))",
          "{{controller}} {{result}}",
        ],
      ],
    },
    {
      title: "Time of a reconcile, 99 of 100",
      about: "By controller.",
      unit: "s",
      queries: [
        [
          "histogram_quantile(0.99, sum by (controller, le) (rate(controller_runtime_reconcile_time_seconds_bucket[$__rate_interval])))",
          "{{controller}}",
        ],
      ],
    },
    {
      title: "Waiting in queues",
      about: "Resources that wait for a worker.",
      unit: "short",
      queries: [["sum by (name, priority) (workqueue_depth)", "{{name}} {{priority}}"]],
    },
    {
      title: "Requests to the API server per second",
      about: "By answer.",
      unit: "reqps",
      queries: [["sum by (code) (rate(rest_client_requests_total[$__rate_interval]))", "{{code}}"]],
    },
    {
      title: "Pods to make anew",
      about: "Without the sidecar that they ask for (Missing), or with an old one.",
      unit: "short",
      queries: [
        [
          "max by (pod_namespace, reason) (holdfast_pods_to_restart)",
          "{{pod_namespace}} {{reason}}",
        ],
        ["max(holdfast_pods_with_sidecar)", "with a sidecar"],
      ],
    },
    {
      title: "Resources in memory",
      about: "What the operator follows.",
      unit: "short",
      queries: [["max by (resource) (holdfast_kube_objects)", "{{resource}}"]],
    },
  ],
};

export const rows: readonly Row[] = [locks, sidecars, operator];

const columns = 24;
const panelHeight = 8;
const inARow = 2;

export function dashboard(): object {
  let y = 0;
  let id = 0;
  const panels: object[] = [];
  for (const row of rows) {
    panels.push({
      id: ++id,
      type: "row",
      title: row.title,
      gridPos: { x: 0, y, w: columns, h: 1 },
    });
    y++;
    for (const [at, panel] of row.panels.entries()) {
      const w = columns / inARow;
      const gridPos = { x: (at % inARow) * w, y, w, h: panelHeight };
      panels.push({ id: ++id, ...drawn(panel), gridPos });
      if (at % inARow === inARow - 1 || at === row.panels.length - 1) y += panelHeight;
    }
  }
  return {
    ...{ uid: "holdfast", title: "Holdfast", tags: ["holdfast"], schemaVersion: 39, version: 1 },
    ...{ editable: true, refresh: "30s", time: { from: "now-1h", to: "now" } },
    templating: { list: [source, namespace] },
    panels,
  };
}

const datasource = { type: "prometheus", uid: "${datasource}" };
const source = { name: "datasource", type: "datasource", query: "prometheus" };
const namespace = {
  ...{ name: "namespace", type: "query", datasource, refresh: 2 },
  ...{ query: "label_values(holdfast_session_state, namespace)", includeAll: true, multi: true },
};

function drawn({ title, about, unit, queries }: Panel): object {
  return {
    ...{ type: "timeseries", title, description: about, datasource },
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    targets: queries.map(([expr, legendFormat], at) => ({
      ...{ refId: String.fromCharCode("A".charCodeAt(0) + at), datasource, expr, legendFormat },
    })),
  };
}
