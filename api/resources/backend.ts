/**
 * `Backend`: where the data of other resources lives. The kind is described as far as it is decided; what this version
 * does not build yet (a managed etcd of three members, bounds) is narrowed by `supported`, and refused by name.
 */
import {
  boolean,
  choice,
  integer,
  list,
  object,
  text,
  type ValueOf,
  type WrittenAs,
} from "../fields.ts";
import { conditions, observedGeneration } from "./condition.ts";
import { specReader, type ResourceKind } from "./kind.ts";

/** Each login costs etcd a tenth of a second of a core, and a changed password throws out a whole namespace. */
export const passwordSidecarsMax = 200;

/** Bounds of what a status says of pods: it is one object, and is read by people. */
export const sidecarsListedMax = 50;
export const sidecarNamesMax = 5;
const podsMax = 1_000_000;

const external = object({
  about: "An etcd that somebody else runs. Users are made in it, but it is never reconfigured.",
  optional: true,
  fields: {
    endpoints: list({
      about: "Where its members answer clients. All with http, or all with https.",
      items: text({ about: "Scheme, host and port.", form: "endpoint" }),
      itemsMin: 1,
      itemsMax: 16,
    }),
    ca: object({
      about:
        "The authority of the members' certificates, in a Secret of the same namespace. Absent: those that are known publicly.",
      optional: true,
      fields: {
        name: text({ about: "The Secret's name.", form: "subdomain" }),
        key: text({ about: "Where in it.", form: "dataKey", default: "ca.crt" }),
      },
    }),
    adminSecret: object({
      about:
        "A Secret of the same namespace that holds an admin of the etcd: tls.crt and tls.key, or username and password. Absent: an etcd without users.",
      optional: true,
      fields: { name: text({ about: "The Secret's name.", form: "subdomain" }) },
    }),
    passwords: boolean({
      about:
        "Whether sidecars come with a long-lived password of their namespace: for installations of up to 200 sidecars.",
      default: false,
    }),
    issuer: object({
      about:
        "An authority that the etcd trusts for its clients, in a Secret of the same namespace with tls.crt and tls.key: sidecars come with certificates of a day that the operator issues from it, in the name of their namespace's user. Instead of passwords.",
      optional: true,
      fields: { name: text({ about: "The Secret's name.", form: "subdomain" }) },
    }),
    maintenance: boolean({
      about:
        "Whether the operator compacts the etcd and defragments the members that `endpoints` lead to, one at a time: for an etcd that nobody else uses. False: its state is only reported.",
      default: false,
    }),
  },
});

const managed = object({
  about:
    "An etcd that the operator runs beside itself, and compacts and defragments. Only in the operator's namespace.",
  optional: true,
  fields: {
    members: integer({
      about:
        "How many members: 1 or 3. With one, each restart of it interrupts all locks, and may end grants.",
      default: 1,
      supported: [1],
      min: 1,
      max: 3,
    }),
    storage: object({
      about:
        "Where the data is kept. Fixed once its volume is claimed: a change is told, and not made.",
      default: {},
      fields: {
        size: text({
          about:
            "Of the volume. It holds the database, of 4Gi at most, twice while that is rewritten.",
          form: "byteSize",
          default: "8Gi",
        }),
        className: text({
          about: "The StorageClass of the volume. Absent: the cluster's default.",
          optional: true,
          form: "subdomain",
        }),
        ephemeral: boolean({
          about: "Whether the data goes with the pod, and all locks with it: to try things out.",
          default: false,
        }),
      },
    }),
    resources: object({
      about: "What a member is given.",
      default: {},
      fields: {
        memory: text({
          about:
            "What it asks for; it may use twice as much. Absent: 512Mi, and 200Ki for each of 1000 sidecars.",
          optional: true,
          form: "byteSize",
        }),
      },
    }),
  },
});

const spec = object({
  about: "Which technology, and where it is.",
  fields: {
    type: choice({
      about: "The technology. Fixed once the Backend is made.",
      immutable: true,
      values: {
        etcd: "an etcd of version 3.4 or later",
        valkey: "a Valkey",
        nats: "a NATS with JetStream",
        postgres: "a PostgreSQL",
        kafka: "a Kafka",
      },
      supported: ["etcd"],
    }),
    external,
    managed,
    limits: object({
      about: "Bounds of what uses the Backend. A resource above one is not accepted.",
      default: {},
      fields: {
        bytesPerNamespace: integer({
          about: "Bytes that the resources of one namespace may take together. Absent: no bound.",
          optional: true,
          supported: [],
          min: 1_048_576,
          max: 1_099_511_627_776,
        }),
        sidecars: integer({
          about: "Sidecars that may be connected. Absent: no bound.",
          optional: true,
          supported: [],
          min: 1,
          max: 100_000,
        }),
      },
    }),
  },
});

const sidecarsListed = object({
  about: "Pods of one namespace that are to be made anew for the same reason.",
  fields: {
    namespace: text({ about: "Where they are.", form: "label" }),
    reason: choice({
      about: "Why.",
      values: {
        Missing: "they ask for a sidecar and run without",
        OldVersion: "an older version of the operator put the sidecar in",
        OldTemplate: "the sidecar is of this version, and of another template",
      },
    }),
    pods: integer({ about: "How many.", min: 1, max: podsMax }),
    names: list({
      about: "The first of them, by name.",
      items: text({ about: "A pod's name.", form: "subdomain" }),
      itemsMin: 1,
      itemsMax: sidecarNamesMax,
    }),
  },
});

const status = object({
  about: "What was last seen of the Backend. Written by the operator.",
  optional: true,
  fields: {
    observedGeneration,
    version: text({
      about: "The oldest version among the members that answer.",
      optional: true,
      form: "plain",
      bytesMax: 64,
    }),
    members: integer({ about: "Members that vote.", optional: true, min: 0, max: 1_000 }),
    membersHealthy: integer({
      about: "Of these, how many answer and know their leader.",
      optional: true,
      min: 0,
      max: 1_000,
    }),
    sizeBytes: integer({
      about: "The largest database file among the members.",
      optional: true,
      min: 0,
      max: Number.MAX_SAFE_INTEGER,
    }),
    quotaBytes: integer({
      about: "How large it may become. Absent: the members do not tell (before etcd 3.6).",
      optional: true,
      min: 0,
      max: Number.MAX_SAFE_INTEGER,
    }),
    sidecars: object({
      about:
        "Pods that have not ended, as far as sidecars go. Absent: the leader has not looked at all of them yet.",
      optional: true,
      fields: {
        injected: integer({ about: "Pods with a sidecar.", min: 0, max: podsMax }),
        missing: integer({
          about: "Pods that ask for a sidecar and run without.",
          min: 0,
          max: podsMax,
        }),
        oldVersion: integer({
          about: "Pods whose sidecar an older version of the operator put in.",
          min: 0,
          max: podsMax,
        }),
        oldTemplate: integer({
          about: "Pods whose sidecar is of this version, and of another template.",
          min: 0,
          max: podsMax,
        }),
        list: list({
          about: "Where they are, the worst first, then where there are most.",
          optional: true,
          items: sidecarsListed,
          itemsMax: sidecarsListedMax,
        }),
        unlisted: integer({
          about: "How many entries the list has no place for.",
          optional: true,
          min: 0,
          max: podsMax,
        }),
      },
    }),
    conditions: conditions(
      "Accepted, Reachable, VersionSupported, Healthy, Authorized, Isolated, HighlyAvailable, Ready; of a managed one Running and Durable, too.",
    ),
  },
});

/** All defaults in. */
export type BackendSpec = ValueOf<typeof spec>;
/** What may be written. */
export type BackendSpecInput = WrittenAs<typeof spec>;
/** What the operator says of it. */
export type BackendStatus = ValueOf<typeof status>;

export const backend: ResourceKind<typeof spec> = {
  kind: "Backend",
  plural: "backends",
  singular: "backend",
  shortNames: ["hfbackend"],
  about:
    "Where the data of locks and other resources lives. For now only the Backend `default` in the operator's namespace is used.",
  spec,
  status,
  example: {
    name: "default",
    namespace: "holdfast-system",
    spec: {
      type: "etcd",
      external: {
        endpoints: [0, 1, 2].map((member) => `https://etcd-${member}.etcd.storage.svc:2379`),
        ca: { name: "etcd-ca" },
        adminSecret: { name: "etcd-admin" },
      },
    },
  },
  rules: [
    {
      cel: "has(self.external) != has(self.managed)",
      holds: (one) => (one.external === undefined) !== (one.managed === undefined),
      field: "external",
      reason: "stands beside managed, or neither is there",
      fix: "write one of the two",
    },
    {
      cel: "!has(self.external) || self.external.endpoints.all(e, e.startsWith('https:')) || self.external.endpoints.all(e, e.startsWith('http:'))",
      holds: ({ external: it }) =>
        it === undefined || allAre("https:", it.endpoints) || allAre("http:", it.endpoints),
      field: "external.endpoints",
      reason: "some are http and some are https",
      fix: "write all with https://",
    },
    {
      cel: "!has(self.external) || !has(self.external.ca) || !self.external.endpoints.all(e, e.startsWith('http:'))",
      holds: ({ external: it }) => it?.ca === undefined || !allAre("http:", it.endpoints),
      field: "external.ca",
      reason: "is of no use with http endpoints",
      fix: "write the endpoints with https://, or leave it out",
    },
    {
      cel: "!has(self.external) || !self.external.passwords || has(self.external.adminSecret)",
      holds: ({ external: it }) => it?.passwords !== true || it.adminSecret !== undefined,
      field: "external.passwords",
      reason: "without adminSecret nobody can make users",
      fix: "name a Secret with an admin in adminSecret, or use false",
    },
    {
      cel: "!has(self.external) || !has(self.external.issuer) || !self.external.passwords",
      holds: ({ external: it }) => it?.issuer === undefined || !it.passwords,
      field: "external.issuer",
      reason: "stands beside passwords: a sidecar comes with a certificate or with a password",
      fix: "set passwords to false, or leave issuer out",
    },
    {
      cel: "!has(self.external) || !has(self.external.issuer) || !self.external.endpoints.exists(e, e.startsWith('http:'))",
      holds: ({ external: it }) => it?.issuer === undefined || allAre("https:", it.endpoints),
      field: "external.issuer",
      reason: "is of no use with http endpoints: nobody is shown a certificate there",
      fix: "write the endpoints with https://, or leave it out",
    },
    {
      cel: "!has(self.external) || !self.external.passwords || !has(self.limits.sidecars) || self.limits.sidecars <= 200",
      holds: ({ external: it, limits }) =>
        it?.passwords !== true || (limits.sidecars ?? 0) <= passwordSidecarsMax,
      field: "limits.sidecars",
      reason: "is above 200, the most with passwords: every login costs etcd a tenth of a second",
      fix: "use at most 200, or set external.passwords to false",
    },
    {
      cel: "!has(self.managed) || !self.managed.storage.ephemeral || !has(self.managed.storage.className)",
      holds: ({ managed: it }) =>
        it?.storage.ephemeral !== true || it.storage.className === undefined,
      field: "managed.storage.className",
      reason: "is of no use with ephemeral: there is no volume",
      fix: "leave one of the two out",
    },
  ],
  columns: [
    { name: "Type", type: "string", jsonPath: ".spec.type", about: "The technology." },
    {
      name: "Version",
      type: "string",
      jsonPath: ".status.version",
      about: "The oldest version among the members.",
    },
    {
      name: "Members",
      type: "integer",
      jsonPath: ".status.members",
      about: "Members that vote.",
    },
    {
      name: "Ready",
      type: "string",
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      about: "Whether it can be used.",
    },
    {
      name: "Age",
      type: "date",
      jsonPath: ".metadata.creationTimestamp",
      about: "Since it was made.",
    },
  ],
};

function allAre(scheme: string, endpoints: readonly string[]): boolean {
  return endpoints.every((endpoint) => endpoint.startsWith(scheme));
}

/** Never throws. `path` is where the spec stands in its document, most often `spec`. */
export const parseBackendSpec = specReader(backend);
