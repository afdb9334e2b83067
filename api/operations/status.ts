/** What a sidecar tells of itself: what it serves, how its session stands, and its contract. */
import {
  boolean,
  choice,
  duration,
  integer,
  list,
  object,
  text,
  timestamp,
  type ValueOf,
} from "../fields.ts";
import type { Operation } from "./operation.ts";

const countMax = Number.MAX_SAFE_INTEGER;

const resourceProblem = object({
  title: "ResourceProblem",
  about: "What is wrong with a resource as it was last written; the last good one stays in force.",
  fields: {
    file: text({ about: "The file.", optional: true, form: "prose" }),
    line: integer({ about: "The line, from 1.", optional: true, min: 1, max: countMax }),
    field: text({ about: "The field, as a path.", optional: true, form: "prose" }),
    reason: text({ about: "What is wrong.", form: "prose" }),
    fix: text({ about: "What to do.", optional: true, form: "prose" }),
  },
});

const resource = object({
  title: "Resource",
  about: "One resource that this sidecar knows.",
  fields: {
    kind: text({ about: "Such as DistributedLock.", form: "plain" }),
    name: text({ about: "The resource's name.", form: "plain" }),
    state: choice({
      about: "Whether it is served.",
      values: {
        served: "as it was last written",
        outdated: "an earlier version is in force, and the problems say why",
        refused: "not at all, and the problems say why",
      },
    }),
    generation: integer({
      about: "Of the version that is in force. Absent: none is.",
      optional: true,
      min: 0,
      max: countMax,
    }),
    problems: list({ about: "Empty: none.", items: resourceProblem, itemsMax: 100 }),
  },
});

const resourcesView = object({
  title: "Resources",
  about: "What this sidecar serves.",
  fields: {
    namespace: text({ about: "The sidecar's namespace.", form: "label" }),
    source: choice({
      about: "Where the resources come from.",
      values: { files: "YAML files: standalone", etcd: "etcd, written by an operator" },
    }),
    resources: list({ about: "By kind and name.", items: resource, itemsMax: 100_000 }),
    problems: list({
      about: "Of files that could not be read at all.",
      items: resourceProblem,
      itemsMax: 100,
    }),
  },
});

const sessionView = object({
  title: "Session",
  about: "How this sidecar's session with etcd stands.",
  fields: {
    state: choice({
      about: "Grants are given and confirmed only while it is alive.",
      values: {
        starting: "there is none yet",
        alive: "etcd answers",
        jeopardy: "etcd has not answered lately; grants stand until the deadline",
        lost: "its deadline passed; a new one is made as soon as etcd answers",
        closed: "the sidecar is stopping",
      },
    }),
    id: text({ about: "Absent: there is none.", optional: true, form: "plain" }),
    startedAt: timestamp({ about: "When it was made.", optional: true }),
    ttl: duration({ about: "The life of its lease.", min: "0s", max: "8760h" }),
    deadlineIn: duration({
      about:
        "Until then nobody else is granted what this sidecar holds. Absent: there is no session.",
      optional: true,
      min: "0s",
      max: "8760h",
    }),
    namespace: text({ about: "The sidecar's namespace.", form: "label" }),
    pod: text({ about: "The name under which observers see it.", form: "plain" }),
    grants: integer({ about: "Grants that it holds.", min: 0, max: countMax }),
    identity: object({
      title: "IdentityState",
      about:
        "What an operator gave this sidecar, to be let into etcd. Absent: options say how etcd is reached.",
      optional: true,
      fields: {
        expiresAt: timestamp({
          about: "When its certificate ends. Absent: it has none.",
          optional: true,
        }),
        problem: text({
          about: "Why there is no new one, or what has ended.",
          optional: true,
          form: "prose",
        }),
      },
    }),
    etcd: object({
      title: "EtcdState",
      about: "The etcd behind it, as last seen.",
      fields: {
        reachable: boolean({ about: "Whether the last call was answered." }),
        endpoint: text({ about: "Which one is spoken to.", optional: true, form: "prose" }),
        version: text({ about: "etcd's version.", optional: true, form: "prose" }),
        cluster: text({ about: "The id of the cluster.", optional: true, form: "plain" }),
        full: boolean({ about: "Whether its database is full: only releases go on." }),
        problem: text({
          about: "What is wrong, when something is.",
          optional: true,
          form: "prose",
        }),
        advice: text({ about: "What to do about it.", optional: true, form: "prose" }),
      },
    }),
  },
});

export type ResourceProblem = ValueOf<typeof resourceProblem>;
export type ResourceView = ValueOf<typeof resource>;
export type ResourcesView = ValueOf<typeof resourcesView>;
export type SessionView = ValueOf<typeof sessionView>;

export const listResources = {
  id: "listResources",
  method: "GET",
  path: "/v1/resources",
  about:
    "Tells which resources this sidecar serves, at which generation, and what is wrong with others.",
  pathFields: {},
  fieldsIn: "query",
  fields: {},
  rules: [],
  replies: { 200: { about: "All of them.", body: resourcesView } },
  problems: [],
} as const satisfies Operation;

export const getSession = {
  id: "getSession",
  method: "GET",
  path: "/v1/session",
  about: "Tells how the sidecar's session with etcd stands, and etcd's version and health.",
  pathFields: {},
  fieldsIn: "query",
  fields: {},
  rules: [],
  replies: { 200: { about: "As it stands.", body: sessionView } },
  problems: [],
} as const satisfies Operation;

export const getOpenapi = {
  id: "getOpenapi",
  method: "GET",
  path: "/openapi.json",
  about: "This contract.",
  pathFields: {},
  fieldsIn: "query",
  fields: {},
  rules: [],
  replies: {
    200: {
      about: "An OpenAPI 3.1 document.",
      body: object({ title: "OpenApi", about: "An OpenAPI 3.1 document.", open: true, fields: {} }),
    },
  },
  problems: [],
} as const satisfies Operation;
