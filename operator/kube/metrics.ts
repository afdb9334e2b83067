/**
 * Metrics under the exact names, labels and buckets of controller-runtime (0.25) and client-go, so that dashboards and
 * alerts made for them work; what only we have begins with `holdfast_`. Labels are controllers, resources, hosts and
 * codes: never an object's name or key.
 */
import type { Counter, Gauge, Histogram, Metrics, Sample } from "#host/metrics.ts";

const reconcileBounds = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1,
  1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];
const queueBounds = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1000];
const requestBounds = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];

export type ReconcileResultLabel = "error" | "requeue_after" | "requeue" | "success";

/** What a queue tells when it is asked, at each scrape. */
export interface QueueView {
  readonly name: string;
  /** Waiting keys by priority, as controller-runtime numbers them. */
  depths(): readonly { readonly priority: number; readonly keys: number }[];
  /** For how long each key that is worked on has been, in milliseconds. */
  workedMs(): readonly number[];
}

export interface QueueCells {
  readonly adds: Counter;
  readonly retries: Counter;
  readonly waited: Histogram;
  readonly worked: Histogram;
}

export interface ControllerCells {
  readonly results: Readonly<Record<ReconcileResultLabel, Counter>>;
  readonly errors: Counter;
  readonly panics: Counter;
  readonly timeouts: Counter;
  readonly time: Histogram;
  readonly active: Gauge;
  readonly max: Gauge;
}

export interface ReflectorCells {
  readonly lists: Counter;
  readonly events: Counter;
  /** Watches that ended, by how: a closed list, see reflector.ts. */
  ended(how: string): Counter;
  /** So many more objects are held in memory, or fewer. */
  holds(more: number): void;
  readonly handlerFailures: Counter;
}

/** One a process; what is measured takes its cells from it once. */
export class KubeMetrics {
  /** Series of `rest_client_*`. */
  readonly requests: (code: string, method: string, host: string) => Counter;
  readonly requestRetries: (code: string, verb: string, host: string) => Counter;
  readonly requestSeconds: (verb: string, host: string) => Histogram;
  readonly leads: (name: string) => Gauge;
  readonly eventsSent: Counter;
  readonly eventsDropped: Counter;
  readonly queue: (name: string) => QueueCells;
  readonly controller: (name: string) => ControllerCells;
  readonly reflector: (resource: string) => ReflectorCells;
  readonly #queues = new Set<QueueView>();

  constructor(metrics: Metrics) {
    this.requests = three(
      metrics.counters({
        name: "rest_client_requests",
        help: "Number of HTTP requests, partitioned by status code, method, and host.",
        labels: ["code", "method", "host"],
      }),
    );
    this.requestRetries = three(
      metrics.counters({
        name: "rest_client_request_retries",
        help: "Number of request retries, partitioned by status code, verb, and host.",
        labels: ["code", "verb", "host"],
      }),
    );
    this.requestSeconds = metrics.histograms(
      {
        name: "rest_client_request_duration_seconds",
        help: "Request latency in seconds. Broken down by verb and host.",
        labels: ["verb", "host"],
      },
      requestBounds,
    );
    this.leads = metrics.gauges({
      name: "leader_election_master_status",
      help: "Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates master. 'name' is the string used to identify the lease. Please make sure to group by name.",
      labels: ["name"],
    });
    this.eventsSent = metrics.counters({
      name: "holdfast_kube_events_sent",
      help: "Writes of Events that the API server took.",
    })();
    this.eventsDropped = metrics.counters({
      name: "holdfast_kube_events_dropped",
      help: "Events that were given up: too many, or refused.",
    })();
    this.queue = queueCells(metrics);
    this.controller = controllerCells(metrics);
    this.reflector = reflectorCells(metrics);
    declareQueueGauges(metrics, this.#queues);
  }

  /** The queue is asked at each scrape until it is removed. */
  addQueue(queue: QueueView): void {
    this.#queues.add(queue);
  }

  removeQueue(queue: QueueView): void {
    this.#queues.delete(queue);
  }
}

type Cells<T> = (...labels: string[]) => T;

const three = <T>(cells: Cells<T>): ((a: string, b: string, c: string) => T) => cells;

function queueCells(metrics: Metrics): (name: string) => QueueCells {
  const labels = ["name", "controller"];
  const adds = metrics.counters({
    name: "workqueue_adds",
    help: "Total number of adds handled by workqueue",
    labels,
  });
  const retries = metrics.counters({
    name: "workqueue_retries",
    help: "Total number of items added to the workqueue with a non-zero delay (rate-limited requeues, explicit RequeueAfter or AddAfter calls)",
    labels,
  });
  const waited = metrics.histograms(
    {
      name: "workqueue_queue_duration_seconds",
      help: "How long in seconds an item stays in workqueue before being requested",
      labels,
    },
    queueBounds,
  );
  const worked = metrics.histograms(
    {
      name: "workqueue_work_duration_seconds",
      help: "How long in seconds processing an item from workqueue takes.",
      labels,
    },
    queueBounds,
  );
  return (name) => ({
    adds: adds(name, name),
    retries: retries(name, name),
    waited: waited(name, name),
    worked: worked(name, name),
  });
}

function declareQueueGauges(metrics: Metrics, queues: ReadonlySet<QueueView>): void {
  const labels = ["name", "controller"];
  const each = (value: (queue: QueueView) => number) => (): Sample[] =>
    [...queues].map((queue) => ({ labels: [queue.name, queue.name], value: value(queue) }));
  metrics.read(
    "gauge",
    {
      name: "workqueue_depth",
      help: "Current depth of workqueue by workqueue and priority",
      labels: [...labels, "priority"],
    },
    () =>
      [...queues].flatMap((queue) =>
        queue.depths().map(({ priority, keys }) => ({
          labels: [queue.name, queue.name, String(priority)],
          value: keys,
        })),
      ),
  );
  metrics.read(
    "gauge",
    {
      name: "workqueue_unfinished_work_seconds",
      help: "How many seconds of work has been done that is in progress and hasn't been observed by work_duration. Large values indicate stuck threads. One can deduce the number of stuck threads by observing the rate at which this increases.",
      labels,
    },
    each((queue) => queue.workedMs().reduce((sum, ms) => sum + ms, 0) / 1_000),
  );
  metrics.read(
    "gauge",
    {
      name: "workqueue_longest_running_processor_seconds",
      help: "How many seconds has the longest running processor for workqueue been running.",
      labels,
    },
    each((queue) => Math.max(0, ...queue.workedMs()) / 1_000),
  );
}

function controllerCells(metrics: Metrics): (name: string) => ControllerCells {
  const labels = ["controller"];
  const counters = (name: string, help: string) =>
    metrics.counters({ name: `controller_runtime_${name}`, help, labels });
  const gauges = (name: string, help: string) =>
    metrics.gauges({ name: `controller_runtime_${name}`, help, labels });
  const total = metrics.counters({
    name: "controller_runtime_reconcile",
    help: "Total number of reconciliations per controller",
    labels: ["controller", "result"],
  });
  const time = metrics.histograms(
    {
      name: "controller_runtime_reconcile_time_seconds",
      help: "Length of time per reconciliation per controller",
      labels,
    },
    reconcileBounds,
  );
  const errors = counters(
    "reconcile_errors",
    "Total number of reconciliation errors per controller",
  );
  const panics = counters(
    "reconcile_panics",
    "Total number of reconciliation panics per controller",
  );
  const timeouts = counters(
    "reconcile_timeouts",
    "Total number of reconciliation timeouts per controller",
  );
  const active = gauges("active_workers", "Number of currently used workers per controller");
  const max = gauges(
    "max_concurrent_reconciles",
    "Maximum number of concurrent reconciles per controller",
  );
  return (name) => ({
    results: {
      error: total(name, "error"),
      requeue: total(name, "requeue"),
      requeue_after: total(name, "requeue_after"),
      success: total(name, "success"),
    },
    errors: errors(name),
    panics: panics(name),
    timeouts: timeouts(name),
    time: time(name),
    active: active(name),
    max: max(name),
  });
}

function reflectorCells(metrics: Metrics): (resource: string) => ReflectorCells {
  const labels = ["resource"];
  const lists = metrics.counters({
    name: "holdfast_kube_lists",
    help: "Whole lists that were read.",
    labels,
  });
  const events = metrics.counters({
    name: "holdfast_kube_watch_events",
    help: "Events that watches brought, bookmarks among them.",
    labels,
  });
  const watches = metrics.counters({
    name: "holdfast_kube_watches",
    help: "Watches that ended, by how.",
    labels: ["resource", "end"],
  });
  const objects = metrics.gauges({
    name: "holdfast_kube_objects",
    help: "Objects that are held in memory.",
    labels,
  });
  const handlerFailures = metrics.counters({
    name: "holdfast_kube_handler_failures",
    help: "Changes whose handler threw; the next resync tells of the object again.",
    labels,
  });
  // Several reflectors may share a resource: one for each namespace that is served.
  const held = new Map<string, number>();
  const holds = (resource: string, more: number): void => {
    const now = (held.get(resource) ?? 0) + more;
    held.set(resource, now);
    objects(resource).set(now);
  };
  return (resource) => ({
    lists: lists(resource),
    events: events(resource),
    ended: (how) => watches(resource, how),
    holds: (more) => {
      holds(resource, more);
    },
    handlerFailures: handlerFailures(resource),
  });
}
