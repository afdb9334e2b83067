/**
 * Made from api/operations and api/problems.ts by `make generate`. Do not edit.
 */
export const openapi: Readonly<Record<string, unknown>> = {
  openapi: "3.1.1",
  info: {
    title: "Holdfast sidecar",
    version: "v1alpha1",
    description: "Locks for the pods of one namespace, on localhost.",
    license: { name: "Apache-2.0", identifier: "Apache-2.0" },
  },
  servers: [{ url: "http://localhost:4653" }],
  paths: {
    "/v1/locks/{pool}/{name}/acquire": {
      post: {
        operationId: "acquireLock",
        description:
          "Takes a lock, waiting for it at most so long. Callers are served in the order in which they came.",
        parameters: [
          {
            name: "pool",
            in: "path",
            required: true,
            description: "The DistributedLock that the lock belongs to.",
            schema: {
              description: "The DistributedLock that the lock belongs to.",
              type: "string",
              minLength: 1,
              maxLength: 253,
              pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
            },
          },
          {
            name: "name",
            in: "path",
            required: true,
            description:
              "The lock, percent-encoded: any UTF-8 of 1 to 512 bytes without control characters.",
            schema: {
              description:
                "The lock, percent-encoded: any UTF-8 of 1 to 512 bytes without control characters.",
              type: "string",
              minLength: 1,
              maxLength: 512,
              pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
            },
          },
          {
            name: "mode",
            in: "query",
            required: false,
            description: "How to hold the lock. Shared: only of a pool with mode ReadWrite.",
            schema: {
              description:
                "How to hold the lock. Shared: only of a pool with mode ReadWrite. exclusive: nobody else holds the lock; shared: others may share it.",
              type: "string",
              enum: ["exclusive", "shared"],
              default: "exclusive",
            },
          },
          {
            name: "permits",
            in: "query",
            required: false,
            description:
              "How many permits to take, all or none. More than one: only of a pool with mode Semaphore.",
            schema: {
              description:
                "How many permits to take, all or none. More than one: only of a pool with mode Semaphore.",
              type: "integer",
              format: "int32",
              minimum: 1,
              maximum: 1000000,
              default: 1,
            },
          },
          {
            name: "wait",
            in: "query",
            required: false,
            description:
              "How long to wait for the lock. 0s: only try. Bounded by the pool's limits.wait.",
            schema: {
              description:
                "How long to wait for the lock. 0s: only try. Bounded by the pool's limits.wait. From 0s to 24h.",
              type: "string",
              pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
              maxLength: 32,
              default: "0s",
            },
          },
          {
            name: "ttl",
            in: "query",
            required: false,
            description:
              "How long the grant lives without a renewal. Absent: the pool's ttl. Bounded by the pool's maxTtl.",
            schema: {
              description:
                "How long the grant lives without a renewal. Absent: the pool's ttl. Bounded by the pool's maxTtl. From 100ms to 168h.",
              type: "string",
              pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
              maxLength: 32,
            },
          },
          {
            name: "hold",
            in: "query",
            required: false,
            description: "What the grant lives by.",
            schema: {
              description:
                "What the grant lives by. ttl: the grant ends when it is not renewed within its ttl; session: the grant ends with the sidecar's session: it belongs to the pod as a whole; connection: the grant ends when the caller closes the event stream that it was granted on.",
              type: "string",
              enum: ["ttl", "session", "connection"],
              default: "ttl",
            },
          },
          {
            name: "requestId",
            in: "query",
            required: false,
            description:
              "Makes the request repeatable: the same id from the same pod is answered with the same grant while it lives, and 409 grant_lost for a minute after (for less where more than a thousand such grants a second end in one pod).",
            schema: {
              description:
                "Makes the request repeatable: the same id from the same pod is answered with the same grant while it lives, and 409 grant_lost for a minute after (for less where more than a thousand such grants a second end in one pod).",
              type: "string",
              minLength: 1,
              maxLength: 128,
              pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
            },
          },
          {
            name: "holder",
            in: "query",
            required: false,
            description: "Who holds the lock, for people who look. Absent: the pod's name.",
            schema: {
              description: "Who holds the lock, for people who look. Absent: the pod's name.",
              type: "string",
              minLength: 1,
              maxLength: 256,
              pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
            },
          },
          {
            name: "owner",
            in: "query",
            required: false,
            description:
              "On whose behalf: of owners who wait for each other in a circle the sidecar tells, and may end one (the pool's onDeadlock). Absent: it takes part in none.",
            schema: {
              description:
                "On whose behalf: of owners who wait for each other in a circle the sidecar tells, and may end one (the pool's onDeadlock). Absent: it takes part in none.",
              type: "string",
              minLength: 1,
              maxLength: 256,
              pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
            },
          },
        ],
        requestBody: {
          required: false,
          description: "Each field once: here or, where it is no map, in the query.",
          content: {
            "application/json": {
              schema: {
                type: "object",
                properties: {
                  mode: {
                    description:
                      "How to hold the lock. Shared: only of a pool with mode ReadWrite. exclusive: nobody else holds the lock; shared: others may share it.",
                    type: "string",
                    enum: ["exclusive", "shared"],
                    default: "exclusive",
                  },
                  permits: {
                    description:
                      "How many permits to take, all or none. More than one: only of a pool with mode Semaphore.",
                    type: "integer",
                    format: "int32",
                    minimum: 1,
                    maximum: 1000000,
                    default: 1,
                  },
                  wait: {
                    description:
                      "How long to wait for the lock. 0s: only try. Bounded by the pool's limits.wait. From 0s to 24h.",
                    type: "string",
                    pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
                    maxLength: 32,
                    default: "0s",
                  },
                  ttl: {
                    description:
                      "How long the grant lives without a renewal. Absent: the pool's ttl. Bounded by the pool's maxTtl. From 100ms to 168h.",
                    type: "string",
                    pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
                    maxLength: 32,
                  },
                  hold: {
                    description:
                      "What the grant lives by. ttl: the grant ends when it is not renewed within its ttl; session: the grant ends with the sidecar's session: it belongs to the pod as a whole; connection: the grant ends when the caller closes the event stream that it was granted on.",
                    type: "string",
                    enum: ["ttl", "session", "connection"],
                    default: "ttl",
                  },
                  requestId: {
                    description:
                      "Makes the request repeatable: the same id from the same pod is answered with the same grant while it lives, and 409 grant_lost for a minute after (for less where more than a thousand such grants a second end in one pod).",
                    type: "string",
                    minLength: 1,
                    maxLength: 128,
                    pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
                  },
                  holder: {
                    description: "Who holds the lock, for people who look. Absent: the pod's name.",
                    type: "string",
                    minLength: 1,
                    maxLength: 256,
                    pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
                  },
                  owner: {
                    description:
                      "On whose behalf: of owners who wait for each other in a circle the sidecar tells, and may end one (the pool's onDeadlock). Absent: it takes part in none.",
                    type: "string",
                    minLength: 1,
                    maxLength: 256,
                    pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
                  },
                  metadata: {
                    description: "Shown to observers. Bounded by the pool's limits.metadataBytes.",
                    type: "object",
                    maxProperties: 64,
                    additionalProperties: { type: "string", maxLength: 16384 },
                  },
                },
                additionalProperties: false,
              },
            },
          },
        },
        responses: {
          "200": {
            description:
              "The lock is held by the caller. With Accept: text/plain, grantId and fence on one line.",
            content: {
              "application/json": { schema: { $ref: "#/components/schemas/Grant" } },
              "text/plain": {
                schema: { type: "string", examples: ["s3k9x2-17 1152921504606912513\n"] },
              },
              "text/event-stream": {
                schema: { type: "string" },
                "x-events": {
                  waiting: {
                    description:
                      "Where the caller stands; again when that has changed, at most once a second.",
                    schema: { $ref: "#/components/schemas/Waiting" },
                  },
                  granted: {
                    description: "The lock is held by the caller.",
                    schema: { $ref: "#/components/schemas/Grant" },
                  },
                  jeopardy: {
                    description:
                      "The sidecar does not hear from etcd. The grant ends at the deadline, unless `recovered` comes before.",
                    schema: { $ref: "#/components/schemas/Jeopardy" },
                  },
                  recovered: {
                    description: "Etcd was heard again: the jeopardy is over.",
                    schema: { $ref: "#/components/schemas/Recovered" },
                  },
                  revokeRequested: {
                    description:
                      "Somebody asks for the lock. Release it: at the deadline the grant ends with `lost`, whatever renews it.",
                    schema: { $ref: "#/components/schemas/RevokeRequested" },
                  },
                  lost: {
                    description:
                      "The grant is over, and nobody else was granted the lock before this was said. The last.",
                    schema: { $ref: "#/components/schemas/Lost" },
                  },
                  released: {
                    description: "The lock was given back. The last.",
                    schema: { $ref: "#/components/schemas/GaveBack" },
                  },
                  problem: {
                    description:
                      "The stream ends, and why: the wait is over, the sidecar shuts down, or it was not read.",
                    schema: { $ref: "#/components/schemas/Problem" },
                  },
                },
              },
            },
          },
          "400": {
            description: "malformed: The request is malformed. not_supported: Not supported yet.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "403": {
            description:
              "forbidden_host: This Host name is not accepted. cross_site: Requests from web pages are refused.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "404": {
            description: "pool_not_found: No such lock pool. not_found: No such path.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "405": {
            description: "method_not_allowed: This method is not allowed here.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "409": {
            description:
              "grant_lost: The grant is over. deadlock: Owners wait for each other in a circle. request_reused: The requestId stands for another request. permits_exceed: More permits are wanted than the pool has.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "413": {
            description: "body_too_large: The request body is too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "414": {
            description: "uri_too_long: The request line is too long.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "415": {
            description: "unsupported_media_type: This content type is not understood.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "423": {
            description: "lock_held: The lock is held.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "429": {
            description:
              "too_many_waiters: Too many wait for this lock. too_many_names: The pool has too many locks in use. too_many_grants: This pod holds too many grants of the pool. wait_too_long: The wait is longer than the pool allows. metadata_too_large: The metadata is larger than the pool allows. backend_full: etcd's database is full. too_many_requests: The sidecar has too much to do.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "431": {
            description: "headers_too_large: The request headers are too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "500": {
            description: "internal: The sidecar failed.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "503": {
            description:
              "sidecar_too_old: The sidecar is too old for this resource. session_lost: The session with etcd is lost. backend_unreachable: etcd cannot be reached. backend_refused: etcd refuses the sidecar. not_ready: The sidecar is not ready. draining: The sidecar is shutting down.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "504": {
            description: "outcome_unknown: The outcome is not known.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
        },
      },
    },
    "/v1/lock-sets/acquire": {
      post: {
        operationId: "acquireLockSet",
        description:
          "Takes several locks, all or none, also of several pools, waiting for them at most so long. Whatever order callers name them in, sets never wait for each other in a circle.",
        parameters: [
          {
            name: "wait",
            in: "query",
            required: false,
            description:
              "How long to wait for the lock. 0s: only try. Bounded by the pool's limits.wait.",
            schema: {
              description:
                "How long to wait for the lock. 0s: only try. Bounded by the pool's limits.wait. From 0s to 24h.",
              type: "string",
              pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
              maxLength: 32,
              default: "0s",
            },
          },
          {
            name: "ttl",
            in: "query",
            required: false,
            description:
              "How long the grant lives without a renewal. Absent: the pool's ttl. Bounded by the pool's maxTtl.",
            schema: {
              description:
                "How long the grant lives without a renewal. Absent: the pool's ttl. Bounded by the pool's maxTtl. From 100ms to 168h.",
              type: "string",
              pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
              maxLength: 32,
            },
          },
          {
            name: "hold",
            in: "query",
            required: false,
            description: "What the grant lives by.",
            schema: {
              description:
                "What the grant lives by. ttl: the grant ends when it is not renewed within its ttl; session: the grant ends with the sidecar's session: it belongs to the pod as a whole; connection: the grant ends when the caller closes the event stream that it was granted on.",
              type: "string",
              enum: ["ttl", "session", "connection"],
              default: "ttl",
            },
          },
          {
            name: "requestId",
            in: "query",
            required: false,
            description:
              "Makes the request repeatable: the same id from the same pod is answered with the same grant while it lives, and 409 grant_lost for a minute after (for less where more than a thousand such grants a second end in one pod).",
            schema: {
              description:
                "Makes the request repeatable: the same id from the same pod is answered with the same grant while it lives, and 409 grant_lost for a minute after (for less where more than a thousand such grants a second end in one pod).",
              type: "string",
              minLength: 1,
              maxLength: 128,
              pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
            },
          },
          {
            name: "holder",
            in: "query",
            required: false,
            description: "Who holds the lock, for people who look. Absent: the pod's name.",
            schema: {
              description: "Who holds the lock, for people who look. Absent: the pod's name.",
              type: "string",
              minLength: 1,
              maxLength: 256,
              pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
            },
          },
          {
            name: "owner",
            in: "query",
            required: false,
            description:
              "On whose behalf: of owners who wait for each other in a circle the sidecar tells, and may end one (the pool's onDeadlock). Absent: it takes part in none.",
            schema: {
              description:
                "On whose behalf: of owners who wait for each other in a circle the sidecar tells, and may end one (the pool's onDeadlock). Absent: it takes part in none.",
              type: "string",
              minLength: 1,
              maxLength: 256,
              pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
            },
          },
        ],
        requestBody: {
          required: false,
          description: "Each field once: here or, where it is no map, in the query.",
          content: {
            "application/json": {
              schema: {
                type: "object",
                properties: {
                  locks: {
                    description: "The locks, each once.",
                    type: "array",
                    minItems: 1,
                    maxItems: 32,
                    items: {
                      description: "One lock, and how to hold it.",
                      type: "object",
                      required: ["pool", "name"],
                      properties: {
                        pool: {
                          description: "The DistributedLock that the lock belongs to.",
                          type: "string",
                          minLength: 1,
                          maxLength: 253,
                          pattern:
                            "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
                        },
                        name: {
                          description:
                            "The lock: any UTF-8 of 1 to 512 bytes without control characters.",
                          type: "string",
                          minLength: 1,
                          maxLength: 512,
                          pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
                        },
                        mode: {
                          description:
                            "How to hold the lock. Shared: only of a pool with mode ReadWrite. exclusive: nobody else holds the lock; shared: others may share it.",
                          type: "string",
                          enum: ["exclusive", "shared"],
                          default: "exclusive",
                        },
                        permits: {
                          description:
                            "How many permits to take, all or none. More than one: only of a pool with mode Semaphore.",
                          type: "integer",
                          format: "int32",
                          minimum: 1,
                          maximum: 1000000,
                          default: 1,
                        },
                      },
                    },
                  },
                  wait: {
                    description:
                      "How long to wait for the lock. 0s: only try. Bounded by the pool's limits.wait. From 0s to 24h.",
                    type: "string",
                    pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
                    maxLength: 32,
                    default: "0s",
                  },
                  ttl: {
                    description:
                      "How long the grant lives without a renewal. Absent: the pool's ttl. Bounded by the pool's maxTtl. From 100ms to 168h.",
                    type: "string",
                    pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
                    maxLength: 32,
                  },
                  hold: {
                    description:
                      "What the grant lives by. ttl: the grant ends when it is not renewed within its ttl; session: the grant ends with the sidecar's session: it belongs to the pod as a whole; connection: the grant ends when the caller closes the event stream that it was granted on.",
                    type: "string",
                    enum: ["ttl", "session", "connection"],
                    default: "ttl",
                  },
                  requestId: {
                    description:
                      "Makes the request repeatable: the same id from the same pod is answered with the same grant while it lives, and 409 grant_lost for a minute after (for less where more than a thousand such grants a second end in one pod).",
                    type: "string",
                    minLength: 1,
                    maxLength: 128,
                    pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
                  },
                  holder: {
                    description: "Who holds the lock, for people who look. Absent: the pod's name.",
                    type: "string",
                    minLength: 1,
                    maxLength: 256,
                    pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
                  },
                  owner: {
                    description:
                      "On whose behalf: of owners who wait for each other in a circle the sidecar tells, and may end one (the pool's onDeadlock). Absent: it takes part in none.",
                    type: "string",
                    minLength: 1,
                    maxLength: 256,
                    pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
                  },
                  metadata: {
                    description: "Shown to observers. Bounded by the pool's limits.metadataBytes.",
                    type: "object",
                    maxProperties: 64,
                    additionalProperties: { type: "string", maxLength: 16384 },
                  },
                },
                additionalProperties: false,
              },
            },
          },
        },
        responses: {
          "200": {
            description:
              "All the locks are held by the caller. With Accept: text/plain, grantId and fence on one line.",
            content: {
              "application/json": { schema: { $ref: "#/components/schemas/SetGrant" } },
              "text/plain": {
                schema: { type: "string", examples: ["s3k9x2-17 1152921504606912513\n"] },
              },
              "text/event-stream": {
                schema: { type: "string" },
                "x-events": {
                  granted: {
                    description: "All the locks are held by the caller.",
                    schema: { $ref: "#/components/schemas/SetGrant" },
                  },
                  jeopardy: {
                    description:
                      "The sidecar does not hear from etcd. The grant ends at the deadline, unless `recovered` comes before.",
                    schema: { $ref: "#/components/schemas/Jeopardy" },
                  },
                  recovered: {
                    description: "Etcd was heard again: the jeopardy is over.",
                    schema: { $ref: "#/components/schemas/Recovered" },
                  },
                  revokeRequested: {
                    description:
                      "Somebody asks for the lock. Release it: at the deadline the grant ends with `lost`, whatever renews it.",
                    schema: { $ref: "#/components/schemas/RevokeRequested" },
                  },
                  lost: {
                    description:
                      "The grant is over, and nobody else was granted the lock before this was said. The last.",
                    schema: { $ref: "#/components/schemas/Lost" },
                  },
                  released: {
                    description: "The lock was given back. The last.",
                    schema: { $ref: "#/components/schemas/GaveBack" },
                  },
                  problem: {
                    description:
                      "The stream ends, and why: the wait is over, the sidecar shuts down, or it was not read.",
                    schema: { $ref: "#/components/schemas/Problem" },
                  },
                },
              },
            },
          },
          "400": {
            description: "malformed: The request is malformed. not_supported: Not supported yet.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "403": {
            description:
              "forbidden_host: This Host name is not accepted. cross_site: Requests from web pages are refused.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "404": {
            description: "pool_not_found: No such lock pool. not_found: No such path.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "405": {
            description: "method_not_allowed: This method is not allowed here.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "409": {
            description:
              "grant_lost: The grant is over. deadlock: Owners wait for each other in a circle. request_reused: The requestId stands for another request. permits_exceed: More permits are wanted than the pool has.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "413": {
            description: "body_too_large: The request body is too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "414": {
            description: "uri_too_long: The request line is too long.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "415": {
            description: "unsupported_media_type: This content type is not understood.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "423": {
            description: "lock_held: The lock is held.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "429": {
            description:
              "too_many_waiters: Too many wait for this lock. too_many_names: The pool has too many locks in use. too_many_grants: This pod holds too many grants of the pool. wait_too_long: The wait is longer than the pool allows. metadata_too_large: The metadata is larger than the pool allows. backend_full: etcd's database is full. too_many_locks: Too many locks are asked for in one request. too_many_requests: The sidecar has too much to do.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "431": {
            description: "headers_too_large: The request headers are too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "500": {
            description: "internal: The sidecar failed.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "503": {
            description:
              "sidecar_too_old: The sidecar is too old for this resource. session_lost: The session with etcd is lost. backend_unreachable: etcd cannot be reached. backend_refused: etcd refuses the sidecar. not_ready: The sidecar is not ready. draining: The sidecar is shutting down.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "504": {
            description: "outcome_unknown: The outcome is not known.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
        },
      },
    },
    "/v1/grants/{grantId}": {
      get: {
        operationId: "getGrant",
        description: "Tells how a grant stands. Starts the count of guaranteedFor anew.",
        parameters: [
          {
            name: "grantId",
            in: "path",
            required: true,
            description: "As the acquire was answered with.",
            schema: {
              description: "As the acquire was answered with.",
              type: "string",
              minLength: 1,
              maxLength: 128,
              pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
            },
          },
        ],
        responses: {
          "200": {
            description: "The grant is held.",
            content: { "application/json": { schema: { $ref: "#/components/schemas/AnyGrant" } } },
          },
          "400": {
            description: "malformed: The request is malformed. not_supported: Not supported yet.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "403": {
            description:
              "forbidden_host: This Host name is not accepted. cross_site: Requests from web pages are refused.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "404": {
            description: "grant_not_found: No such grant. not_found: No such path.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "405": {
            description: "method_not_allowed: This method is not allowed here.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "409": {
            description: "grant_lost: The grant is over.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "413": {
            description: "body_too_large: The request body is too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "414": {
            description: "uri_too_long: The request line is too long.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "415": {
            description: "unsupported_media_type: This content type is not understood.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "429": {
            description: "too_many_requests: The sidecar has too much to do.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "431": {
            description: "headers_too_large: The request headers are too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "500": {
            description: "internal: The sidecar failed.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "503": {
            description:
              "not_ready: The sidecar is not ready. draining: The sidecar is shutting down.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
        },
      },
      delete: {
        operationId: "releaseGrant",
        description: "Gives the lock back. Repeated within a minute it is answered the same.",
        parameters: [
          {
            name: "grantId",
            in: "path",
            required: true,
            description: "As the acquire was answered with.",
            schema: {
              description: "As the acquire was answered with.",
              type: "string",
              minLength: 1,
              maxLength: 128,
              pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
            },
          },
        ],
        responses: {
          "204": { description: "The lock is released." },
          "400": {
            description: "malformed: The request is malformed. not_supported: Not supported yet.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "403": {
            description:
              "forbidden_host: This Host name is not accepted. cross_site: Requests from web pages are refused.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "404": {
            description: "grant_not_found: No such grant. not_found: No such path.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "405": {
            description: "method_not_allowed: This method is not allowed here.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "409": {
            description: "grant_lost: The grant is over.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "413": {
            description: "body_too_large: The request body is too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "414": {
            description: "uri_too_long: The request line is too long.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "415": {
            description: "unsupported_media_type: This content type is not understood.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "429": {
            description: "too_many_requests: The sidecar has too much to do.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "431": {
            description: "headers_too_large: The request headers are too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "500": {
            description: "internal: The sidecar failed.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "503": {
            description:
              "session_lost: The session with etcd is lost. backend_unreachable: etcd cannot be reached. backend_refused: etcd refuses the sidecar. not_ready: The sidecar is not ready. draining: The sidecar is shutting down.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "504": {
            description: "outcome_unknown: The outcome is not known.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
        },
      },
    },
    "/v1/grants/{grantId}/renew": {
      post: {
        operationId: "renewGrant",
        description: "Starts the grant's ttl anew.",
        parameters: [
          {
            name: "grantId",
            in: "path",
            required: true,
            description: "As the acquire was answered with.",
            schema: {
              description: "As the acquire was answered with.",
              type: "string",
              minLength: 1,
              maxLength: 128,
              pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
            },
          },
          {
            name: "ttl",
            in: "query",
            required: false,
            description: "From now on. Absent: the grant's ttl as it is.",
            schema: {
              description: "From now on. Absent: the grant's ttl as it is. From 100ms to 168h.",
              type: "string",
              pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
              maxLength: 32,
            },
          },
        ],
        requestBody: {
          required: false,
          description: "Each field once: here or, where it is no map, in the query.",
          content: {
            "application/json": {
              schema: {
                type: "object",
                properties: {
                  ttl: {
                    description:
                      "From now on. Absent: the grant's ttl as it is. From 100ms to 168h.",
                    type: "string",
                    pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
                    maxLength: 32,
                  },
                },
                additionalProperties: false,
              },
            },
          },
        },
        responses: {
          "200": {
            description: "The grant is renewed.",
            content: { "application/json": { schema: { $ref: "#/components/schemas/AnyGrant" } } },
          },
          "400": {
            description: "malformed: The request is malformed. not_supported: Not supported yet.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "403": {
            description:
              "forbidden_host: This Host name is not accepted. cross_site: Requests from web pages are refused.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "404": {
            description: "grant_not_found: No such grant. not_found: No such path.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "405": {
            description: "method_not_allowed: This method is not allowed here.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "409": {
            description: "grant_lost: The grant is over.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "413": {
            description: "body_too_large: The request body is too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "414": {
            description: "uri_too_long: The request line is too long.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "415": {
            description: "unsupported_media_type: This content type is not understood.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "429": {
            description: "too_many_requests: The sidecar has too much to do.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "431": {
            description: "headers_too_large: The request headers are too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "500": {
            description: "internal: The sidecar failed.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "503": {
            description:
              "session_lost: The session with etcd is lost. not_ready: The sidecar is not ready. draining: The sidecar is shutting down.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
        },
      },
    },
    "/v1/grants": {
      delete: {
        operationId: "releaseHolder",
        description:
          "Gives back all that a holder of this name took through this sidecar in an earlier life. What it lost, of pools with `onLoss: Unready`, keeps the pod unready no longer.",
        parameters: [
          {
            name: "holder",
            in: "query",
            required: true,
            description: "The holder that the grants were acquired with.",
            schema: {
              description: "The holder that the grants were acquired with.",
              type: "string",
              minLength: 1,
              maxLength: 256,
              pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
            },
          },
        ],
        responses: {
          "200": {
            description: "The locks are released.",
            content: { "application/json": { schema: { $ref: "#/components/schemas/Released" } } },
          },
          "400": {
            description: "malformed: The request is malformed. not_supported: Not supported yet.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "403": {
            description:
              "forbidden_host: This Host name is not accepted. cross_site: Requests from web pages are refused.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "404": {
            description: "not_found: No such path.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "405": {
            description: "method_not_allowed: This method is not allowed here.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "413": {
            description: "body_too_large: The request body is too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "414": {
            description: "uri_too_long: The request line is too long.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "415": {
            description: "unsupported_media_type: This content type is not understood.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "429": {
            description: "too_many_requests: The sidecar has too much to do.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "431": {
            description: "headers_too_large: The request headers are too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "500": {
            description: "internal: The sidecar failed.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "503": {
            description:
              "session_lost: The session with etcd is lost. backend_unreachable: etcd cannot be reached. backend_refused: etcd refuses the sidecar. not_ready: The sidecar is not ready. draining: The sidecar is shutting down.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "504": {
            description: "outcome_unknown: The outcome is not known.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
        },
      },
    },
    "/v1/grants/{grantId}/events": {
      get: {
        operationId: "watchGrant",
        description:
          "Tells what becomes of a grant, as a stream, beginning with the grant as it is. To close it ends nothing, whatever the grant lives by.",
        parameters: [
          {
            name: "grantId",
            in: "path",
            required: true,
            description: "As the acquire was answered with.",
            schema: {
              description: "As the acquire was answered with.",
              type: "string",
              minLength: 1,
              maxLength: 128,
              pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
            },
          },
        ],
        responses: {
          "200": {
            description: "A stream of events.",
            content: {
              "text/event-stream": {
                schema: { type: "string" },
                "x-events": {
                  granted: {
                    description: "The grant as it is. The first.",
                    schema: { $ref: "#/components/schemas/AnyGrant" },
                  },
                  jeopardy: {
                    description:
                      "The sidecar does not hear from etcd. The grant ends at the deadline, unless `recovered` comes before.",
                    schema: { $ref: "#/components/schemas/Jeopardy" },
                  },
                  recovered: {
                    description: "Etcd was heard again: the jeopardy is over.",
                    schema: { $ref: "#/components/schemas/Recovered" },
                  },
                  revokeRequested: {
                    description:
                      "Somebody asks for the lock. Release it: at the deadline the grant ends with `lost`, whatever renews it.",
                    schema: { $ref: "#/components/schemas/RevokeRequested" },
                  },
                  lost: {
                    description:
                      "The grant is over, and nobody else was granted the lock before this was said. The last.",
                    schema: { $ref: "#/components/schemas/Lost" },
                  },
                  released: {
                    description: "The lock was given back. The last.",
                    schema: { $ref: "#/components/schemas/GaveBack" },
                  },
                  problem: {
                    description:
                      "The stream ends, and why: the wait is over, the sidecar shuts down, or it was not read.",
                    schema: { $ref: "#/components/schemas/Problem" },
                  },
                },
              },
            },
          },
          "400": {
            description: "malformed: The request is malformed. not_supported: Not supported yet.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "403": {
            description:
              "forbidden_host: This Host name is not accepted. cross_site: Requests from web pages are refused.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "404": {
            description: "grant_not_found: No such grant. not_found: No such path.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "405": {
            description: "method_not_allowed: This method is not allowed here.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "409": {
            description: "grant_lost: The grant is over.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "413": {
            description: "body_too_large: The request body is too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "414": {
            description: "uri_too_long: The request line is too long.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "415": {
            description: "unsupported_media_type: This content type is not understood.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "429": {
            description: "too_many_requests: The sidecar has too much to do.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "431": {
            description: "headers_too_large: The request headers are too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "500": {
            description: "internal: The sidecar failed.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "503": {
            description:
              "backend_unreachable: etcd cannot be reached. not_ready: The sidecar is not ready. draining: The sidecar is shutting down.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
        },
      },
    },
    "/v1/locks/{pool}/{name}": {
      get: {
        operationId: "getLock",
        description:
          "Tells who holds a lock and who waits for it; and, while a lockDelay keeps it from them, who was lost and until when.",
        parameters: [
          {
            name: "pool",
            in: "path",
            required: true,
            description: "The DistributedLock that the lock belongs to.",
            schema: {
              description: "The DistributedLock that the lock belongs to.",
              type: "string",
              minLength: 1,
              maxLength: 253,
              pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
            },
          },
          {
            name: "name",
            in: "path",
            required: true,
            description:
              "The lock, percent-encoded: any UTF-8 of 1 to 512 bytes without control characters.",
            schema: {
              description:
                "The lock, percent-encoded: any UTF-8 of 1 to 512 bytes without control characters.",
              type: "string",
              minLength: 1,
              maxLength: 512,
              pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
            },
          },
        ],
        responses: {
          "200": {
            description: "The lock as it stands; a free one has no holders.",
            content: { "application/json": { schema: { $ref: "#/components/schemas/Lock" } } },
          },
          "400": {
            description: "malformed: The request is malformed. not_supported: Not supported yet.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "403": {
            description:
              "forbidden_host: This Host name is not accepted. cross_site: Requests from web pages are refused.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "404": {
            description: "pool_not_found: No such lock pool. not_found: No such path.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "405": {
            description: "method_not_allowed: This method is not allowed here.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "413": {
            description: "body_too_large: The request body is too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "414": {
            description: "uri_too_long: The request line is too long.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "415": {
            description: "unsupported_media_type: This content type is not understood.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "429": {
            description: "too_many_requests: The sidecar has too much to do.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "431": {
            description: "headers_too_large: The request headers are too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "500": {
            description: "internal: The sidecar failed.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "503": {
            description:
              "backend_unreachable: etcd cannot be reached. backend_refused: etcd refuses the sidecar. sidecar_too_old: The sidecar is too old for this resource. not_ready: The sidecar is not ready. draining: The sidecar is shutting down.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
        },
      },
    },
    "/v1/locks/{pool}": {
      get: {
        operationId: "listLocks",
        description:
          "Tells which locks of a pool are held or waited for, page by page, and the pool's totals.",
        parameters: [
          {
            name: "pool",
            in: "path",
            required: true,
            description: "The DistributedLock that the lock belongs to.",
            schema: {
              description: "The DistributedLock that the lock belongs to.",
              type: "string",
              minLength: 1,
              maxLength: 253,
              pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
            },
          },
          {
            name: "prefix",
            in: "query",
            required: false,
            description: "Only locks whose name starts so.",
            schema: {
              description: "Only locks whose name starts so.",
              type: "string",
              maxLength: 512,
              pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
            },
          },
          {
            name: "limit",
            in: "query",
            required: false,
            description: "Locks a page.",
            schema: {
              description: "Locks a page.",
              type: "integer",
              format: "int32",
              minimum: 1,
              maximum: 1000,
              default: 100,
            },
          },
          {
            name: "continue",
            in: "query",
            required: false,
            description: "As the page before was answered with.",
            schema: {
              description: "As the page before was answered with.",
              type: "string",
              minLength: 1,
              maxLength: 2048,
              pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
            },
          },
        ],
        responses: {
          "200": {
            description: "One page.",
            content: { "application/json": { schema: { $ref: "#/components/schemas/LockPool" } } },
          },
          "400": {
            description: "malformed: The request is malformed. not_supported: Not supported yet.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "403": {
            description:
              "forbidden_host: This Host name is not accepted. cross_site: Requests from web pages are refused.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "404": {
            description: "pool_not_found: No such lock pool. not_found: No such path.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "405": {
            description: "method_not_allowed: This method is not allowed here.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "413": {
            description: "body_too_large: The request body is too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "414": {
            description: "uri_too_long: The request line is too long.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "415": {
            description: "unsupported_media_type: This content type is not understood.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "429": {
            description: "too_many_requests: The sidecar has too much to do.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "431": {
            description: "headers_too_large: The request headers are too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "500": {
            description: "internal: The sidecar failed.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "503": {
            description:
              "backend_unreachable: etcd cannot be reached. backend_refused: etcd refuses the sidecar. sidecar_too_old: The sidecar is too old for this resource. not_ready: The sidecar is not ready. draining: The sidecar is shutting down.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
        },
      },
    },
    "/v1/deadlocks": {
      get: {
        operationId: "listDeadlocks",
        description:
          "Tells which owners wait for each other in circles, of all pods of the namespace. Only requests that name an owner are in one.",
        parameters: [],
        responses: {
          "200": {
            description: "The circles, most often none.",
            content: { "application/json": { schema: { $ref: "#/components/schemas/Deadlocks" } } },
          },
          "400": {
            description: "malformed: The request is malformed. not_supported: Not supported yet.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "403": {
            description:
              "forbidden_host: This Host name is not accepted. cross_site: Requests from web pages are refused.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "404": {
            description: "not_found: No such path.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "405": {
            description: "method_not_allowed: This method is not allowed here.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "413": {
            description: "body_too_large: The request body is too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "414": {
            description: "uri_too_long: The request line is too long.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "415": {
            description: "unsupported_media_type: This content type is not understood.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "429": {
            description: "too_many_requests: The sidecar has too much to do.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "431": {
            description: "headers_too_large: The request headers are too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "500": {
            description: "internal: The sidecar failed.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "503": {
            description:
              "backend_unreachable: etcd cannot be reached. backend_refused: etcd refuses the sidecar. not_ready: The sidecar is not ready. draining: The sidecar is shutting down.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
        },
      },
    },
    "/v1/locks/{pool}/{name}/events": {
      get: {
        operationId: "watchLock",
        description:
          "Tells who holds a lock, as a stream: first as it is, then each change. That is what followers of a leader need.",
        parameters: [
          {
            name: "pool",
            in: "path",
            required: true,
            description: "The DistributedLock that the lock belongs to.",
            schema: {
              description: "The DistributedLock that the lock belongs to.",
              type: "string",
              minLength: 1,
              maxLength: 253,
              pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
            },
          },
          {
            name: "name",
            in: "path",
            required: true,
            description:
              "The lock, percent-encoded: any UTF-8 of 1 to 512 bytes without control characters.",
            schema: {
              description:
                "The lock, percent-encoded: any UTF-8 of 1 to 512 bytes without control characters.",
              type: "string",
              minLength: 1,
              maxLength: 512,
              pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
            },
          },
        ],
        responses: {
          "200": {
            description: "A stream of events.",
            content: {
              "text/event-stream": {
                schema: { type: "string" },
                "x-events": {
                  holder: {
                    description: "Who holds the lock now.",
                    schema: { $ref: "#/components/schemas/Holders" },
                  },
                  vacant: {
                    description:
                      "Nobody holds the lock. It may be kept all the same: for one that was lost (`lost`), by a set that waits for other locks, or by a pod that used it last; a GET of the lock tells.",
                    schema: { $ref: "#/components/schemas/Vacant" },
                  },
                  unseen: {
                    description:
                      "Etcd does not answer: what was told last may be over. `holder` or `vacant` follows when it does.",
                    schema: { $ref: "#/components/schemas/Unseen" },
                  },
                  problem: {
                    description:
                      "The stream ends, and why: the wait is over, the sidecar shuts down, or it was not read.",
                    schema: { $ref: "#/components/schemas/Problem" },
                  },
                },
              },
            },
          },
          "400": {
            description: "malformed: The request is malformed. not_supported: Not supported yet.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "403": {
            description:
              "forbidden_host: This Host name is not accepted. cross_site: Requests from web pages are refused.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "404": {
            description: "pool_not_found: No such lock pool. not_found: No such path.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "405": {
            description: "method_not_allowed: This method is not allowed here.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "413": {
            description: "body_too_large: The request body is too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "414": {
            description: "uri_too_long: The request line is too long.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "415": {
            description: "unsupported_media_type: This content type is not understood.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "429": {
            description: "too_many_requests: The sidecar has too much to do.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "431": {
            description: "headers_too_large: The request headers are too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "500": {
            description: "internal: The sidecar failed.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "503": {
            description:
              "sidecar_too_old: The sidecar is too old for this resource. not_ready: The sidecar is not ready. draining: The sidecar is shutting down.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
        },
      },
    },
    "/v1/locks/{pool}/{name}/force-release": {
      post: {
        operationId: "forceRelease",
        description:
          "Takes a lock from its holder: asks for it, and ends the grant after a grace. For pods that the pool's `admin` lets.",
        parameters: [
          {
            name: "pool",
            in: "path",
            required: true,
            description: "The DistributedLock that the lock belongs to.",
            schema: {
              description: "The DistributedLock that the lock belongs to.",
              type: "string",
              minLength: 1,
              maxLength: 253,
              pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
            },
          },
          {
            name: "name",
            in: "path",
            required: true,
            description:
              "The lock, percent-encoded: any UTF-8 of 1 to 512 bytes without control characters.",
            schema: {
              description:
                "The lock, percent-encoded: any UTF-8 of 1 to 512 bytes without control characters.",
              type: "string",
              minLength: 1,
              maxLength: 512,
              pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
            },
          },
          {
            name: "grace",
            in: "query",
            required: false,
            description: "How long the holder has to release the lock by itself.",
            schema: {
              description: "How long the holder has to release the lock by itself. From 0s to 24h.",
              type: "string",
              pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
              maxLength: 32,
              default: "0s",
            },
          },
          {
            name: "fence",
            in: "query",
            required: false,
            description: "Only the holder with this fence. Absent: whoever holds the lock.",
            schema: {
              description: "Only the holder with this fence. Absent: whoever holds the lock.",
              type: "string",
              minLength: 1,
              maxLength: 39,
              pattern: "^(0|[1-9][0-9]*)$",
            },
          },
          {
            name: "wait",
            in: "query",
            required: false,
            description:
              "How long to wait for the lock to be free of that holder, before this is answered.",
            schema: {
              description:
                "How long to wait for the lock to be free of that holder, before this is answered. From 0s to 10m.",
              type: "string",
              pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
              maxLength: 32,
              default: "0s",
            },
          },
          {
            name: "breakGuarantee",
            in: "query",
            required: false,
            description:
              "Deletes the holder's place, or the one by which a set reserves the lock, at once, whatever was guaranteed to it: two may then believe that they hold the lock, and only the fence protects. For a sidecar that does not answer, where the end of its session cannot be waited for.",
            schema: {
              description:
                "Deletes the holder's place, or the one by which a set reserves the lock, at once, whatever was guaranteed to it: two may then believe that they hold the lock, and only the fence protects. For a sidecar that does not answer, where the end of its session cannot be waited for.",
              type: "boolean",
              default: false,
            },
          },
        ],
        requestBody: {
          required: false,
          description: "Each field once: here or, where it is no map, in the query.",
          content: {
            "application/json": {
              schema: {
                type: "object",
                properties: {
                  grace: {
                    description:
                      "How long the holder has to release the lock by itself. From 0s to 24h.",
                    type: "string",
                    pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
                    maxLength: 32,
                    default: "0s",
                  },
                  fence: {
                    description: "Only the holder with this fence. Absent: whoever holds the lock.",
                    type: "string",
                    minLength: 1,
                    maxLength: 39,
                    pattern: "^(0|[1-9][0-9]*)$",
                  },
                  wait: {
                    description:
                      "How long to wait for the lock to be free of that holder, before this is answered. From 0s to 10m.",
                    type: "string",
                    pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
                    maxLength: 32,
                    default: "0s",
                  },
                  breakGuarantee: {
                    description:
                      "Deletes the holder's place, or the one by which a set reserves the lock, at once, whatever was guaranteed to it: two may then believe that they hold the lock, and only the fence protects. For a sidecar that does not answer, where the end of its session cannot be waited for.",
                    type: "boolean",
                    default: false,
                  },
                },
                additionalProperties: false,
              },
            },
          },
        },
        responses: {
          "200": {
            description: "What happened.",
            content: {
              "application/json": { schema: { $ref: "#/components/schemas/ForceReleased" } },
            },
          },
          "400": {
            description: "malformed: The request is malformed. not_supported: Not supported yet.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "403": {
            description:
              "not_admin: This pod may not force a release. forbidden_host: This Host name is not accepted. cross_site: Requests from web pages are refused.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "404": {
            description: "pool_not_found: No such lock pool. not_found: No such path.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "405": {
            description: "method_not_allowed: This method is not allowed here.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "413": {
            description: "body_too_large: The request body is too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "414": {
            description: "uri_too_long: The request line is too long.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "415": {
            description: "unsupported_media_type: This content type is not understood.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "429": {
            description:
              "backend_full: etcd's database is full. too_many_requests: The sidecar has too much to do.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "431": {
            description: "headers_too_large: The request headers are too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "500": {
            description: "internal: The sidecar failed.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "503": {
            description:
              "session_lost: The session with etcd is lost. backend_unreachable: etcd cannot be reached. backend_refused: etcd refuses the sidecar. sidecar_too_old: The sidecar is too old for this resource. not_ready: The sidecar is not ready. draining: The sidecar is shutting down.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "504": {
            description: "outcome_unknown: The outcome is not known.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
        },
      },
    },
    "/v1/resources": {
      get: {
        operationId: "listResources",
        description:
          "Tells which resources this sidecar serves, at which generation, and what is wrong with others.",
        parameters: [],
        responses: {
          "200": {
            description: "All of them.",
            content: { "application/json": { schema: { $ref: "#/components/schemas/Resources" } } },
          },
          "400": {
            description: "malformed: The request is malformed. not_supported: Not supported yet.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "403": {
            description:
              "forbidden_host: This Host name is not accepted. cross_site: Requests from web pages are refused.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "404": {
            description: "not_found: No such path.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "405": {
            description: "method_not_allowed: This method is not allowed here.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "413": {
            description: "body_too_large: The request body is too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "414": {
            description: "uri_too_long: The request line is too long.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "415": {
            description: "unsupported_media_type: This content type is not understood.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "429": {
            description: "too_many_requests: The sidecar has too much to do.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "431": {
            description: "headers_too_large: The request headers are too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "500": {
            description: "internal: The sidecar failed.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "503": {
            description:
              "not_ready: The sidecar is not ready. draining: The sidecar is shutting down.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
        },
      },
    },
    "/v1/session": {
      get: {
        operationId: "getSession",
        description:
          "Tells how the sidecar's session with etcd stands, and etcd's version and health.",
        parameters: [],
        responses: {
          "200": {
            description: "As it stands.",
            content: { "application/json": { schema: { $ref: "#/components/schemas/Session" } } },
          },
          "400": {
            description: "malformed: The request is malformed. not_supported: Not supported yet.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "403": {
            description:
              "forbidden_host: This Host name is not accepted. cross_site: Requests from web pages are refused.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "404": {
            description: "not_found: No such path.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "405": {
            description: "method_not_allowed: This method is not allowed here.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "413": {
            description: "body_too_large: The request body is too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "414": {
            description: "uri_too_long: The request line is too long.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "415": {
            description: "unsupported_media_type: This content type is not understood.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "429": {
            description: "too_many_requests: The sidecar has too much to do.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "431": {
            description: "headers_too_large: The request headers are too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "500": {
            description: "internal: The sidecar failed.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "503": {
            description:
              "not_ready: The sidecar is not ready. draining: The sidecar is shutting down.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
        },
      },
    },
    "/openapi.json": {
      get: {
        operationId: "getOpenapi",
        description: "This contract.",
        parameters: [],
        responses: {
          "200": {
            description: "An OpenAPI 3.1 document.",
            content: { "application/json": { schema: { $ref: "#/components/schemas/OpenApi" } } },
          },
          "400": {
            description: "malformed: The request is malformed. not_supported: Not supported yet.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "403": {
            description:
              "forbidden_host: This Host name is not accepted. cross_site: Requests from web pages are refused.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "404": {
            description: "not_found: No such path.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "405": {
            description: "method_not_allowed: This method is not allowed here.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "413": {
            description: "body_too_large: The request body is too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "414": {
            description: "uri_too_long: The request line is too long.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "415": {
            description: "unsupported_media_type: This content type is not understood.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "429": {
            description: "too_many_requests: The sidecar has too much to do.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "431": {
            description: "headers_too_large: The request headers are too large.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "500": {
            description: "internal: The sidecar failed.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
          "503": {
            description:
              "not_ready: The sidecar is not ready. draining: The sidecar is shutting down.",
            content: {
              "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
            },
          },
        },
      },
    },
  },
  components: {
    schemas: {
      AnyGrant: {
        description:
          "A grant of one lock, or of a set: that one has locks in place of lock, mode and permits.",
        type: "object",
        required: ["grantId", "fence", "hold", "guaranteedFor", "acquiredAt", "holder"],
        properties: {
          grantId: {
            description: "Names the grant to this sidecar.",
            type: "string",
            maxLength: 128,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          lock: {
            description: "Pool and name: orders/42.",
            type: "string",
            maxLength: 1024,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          mode: {
            description:
              "How the lock is held. exclusive: nobody else holds the lock; shared: others may share it.",
            type: "string",
            enum: ["exclusive", "shared"],
          },
          permits: {
            description: "How many permits.",
            type: "integer",
            format: "int64",
            minimum: 1,
          },
          locks: {
            description: "Each lock with its fence, as they were asked for.",
            type: "array",
            maxItems: 32,
            items: { $ref: "#/components/schemas/LockOfSet" },
          },
          fence: {
            description:
              "The fencing token, a decimal number as text: it grows with every exclusive grant of the lock. A shared one lies above every exclusive one before it and below every one after; among shared ones and permits it says nothing.",
            type: "string",
            minLength: 1,
            maxLength: 39,
            pattern: "^(0|[1-9][0-9]*)$",
          },
          hold: {
            description:
              "What the grant lives by. ttl: the grant ends when it is not renewed within its ttl; session: the grant ends with the sidecar's session: it belongs to the pod as a whole; connection: the grant ends when the caller closes the event stream that it was granted on.",
            type: "string",
            enum: ["ttl", "session", "connection"],
          },
          ttl: {
            description:
              "How long the grant lives without a renewal. Absent: it has no ttl. From 0s to 168h.",
            type: "string",
            pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
            maxLength: 32,
          },
          expiresIn: {
            description:
              "For how long the sidecar keeps the lock for this caller without a renewal. Absent: until what it lives by ends. From 0s to 8760h.",
            type: "string",
            pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
            maxLength: 32,
          },
          guaranteedFor: {
            description:
              "For how long nobody else can be granted the lock, whatever happens to the sidecar. Count it from the sending of the request. From 0s to 8760h.",
            type: "string",
            pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
            maxLength: 32,
          },
          acquiredAt: {
            description: "When it was granted, by the sidecar's wall clock.",
            type: "string",
            format: "date-time",
          },
          holder: {
            description: "Who it is, as the caller said; else the pod.",
            type: "string",
            maxLength: 256,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
        },
      },
      Deadlock: {
        description: "Owners who wait for each other: none of these waits can be over by itself.",
        type: "object",
        required: ["waits"],
        properties: {
          waits: {
            description: "First come first; of more than 10,000 waits in all circles the first.",
            type: "array",
            maxItems: 100000,
            items: { $ref: "#/components/schemas/DeadlockWait" },
          },
        },
      },
      DeadlockWait: {
        description: "One wait in a circle.",
        type: "object",
        required: ["owner", "holder", "pod", "lock", "mode", "permits", "since", "behind"],
        properties: {
          owner: {
            description: "Who waits, as the request named it.",
            type: "string",
            minLength: 1,
            maxLength: 256,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          holder: {
            description: "Who it is for people who look.",
            type: "string",
            maxLength: 256,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          pod: {
            description: "The pod whose sidecar it asked.",
            type: "string",
            maxLength: 256,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          lock: {
            description: "What it waits for: orders/42.",
            type: "string",
            maxLength: 1024,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          mode: {
            description:
              "How it wants the lock. exclusive: nobody else holds the lock; shared: others may share it.",
            type: "string",
            enum: ["exclusive", "shared"],
          },
          permits: {
            description: "How many permits it wants.",
            type: "integer",
            format: "int64",
            minimum: 1,
          },
          since: { description: "Since when it waits.", type: "string", format: "date-time" },
          behind: {
            description:
              "For which owners of the circle it waits. Of more than 100, those just before it.",
            type: "array",
            maxItems: 100000,
            items: {
              description: "An owner.",
              type: "string",
              minLength: 1,
              maxLength: 256,
              pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
            },
          },
        },
      },
      Deadlocks: {
        description: "All circles of owners in the namespace, as they stood at one moment.",
        type: "object",
        required: ["deadlocks"],
        properties: {
          deadlocks: {
            description: "Empty: none.",
            type: "array",
            maxItems: 100000,
            items: { $ref: "#/components/schemas/Deadlock" },
          },
        },
      },
      EtcdState: {
        description: "The etcd behind it, as last seen.",
        type: "object",
        required: ["reachable", "full"],
        properties: {
          reachable: { description: "Whether the last call was answered.", type: "boolean" },
          endpoint: { description: "Which one is spoken to.", type: "string", maxLength: 65536 },
          version: { description: "etcd's version.", type: "string", maxLength: 65536 },
          cluster: {
            description: "The id of the cluster.",
            type: "string",
            maxLength: 65536,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          full: {
            description: "Whether its database is full: only releases go on.",
            type: "boolean",
          },
          problem: {
            description: "What is wrong, when something is.",
            type: "string",
            maxLength: 65536,
          },
          advice: { description: "What to do about it.", type: "string", maxLength: 65536 },
        },
      },
      ForceReleased: {
        description: "What became of a forced release.",
        type: "object",
        required: ["lock", "outcome", "holders"],
        properties: {
          lock: {
            description: "Pool and name: orders/42.",
            type: "string",
            maxLength: 1024,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          outcome: {
            description:
              "What happened. vacant: nobody held the lock, or nobody under that fence. A set that waits for other locks, and only reserves this one, is no holder; requested: the holder's sidecar was asked; when the grace is over the grant ends, and the lock is free when what was stated for it has run out. A sidecar that does not answer keeps it until its session ends; released: the lock is free of that holder; broken: its place was deleted: from now on only the fence protects what it guarded.",
            type: "string",
            enum: ["vacant", "requested", "released", "broken"],
          },
          holders: {
            description:
              "Who held the lock. Empty with `broken`: a set had reserved it, and was not known to be granted it.",
            type: "array",
            maxItems: 100000,
            items: { $ref: "#/components/schemas/Holder" },
          },
          warning: {
            description: "With `broken`: what protects now.",
            type: "string",
            maxLength: 65536,
          },
        },
      },
      GaveBack: {
        description: "A grant that was released.",
        type: "object",
        required: ["grantId", "since"],
        properties: {
          grantId: {
            description: "The grant.",
            type: "string",
            maxLength: 128,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          since: { description: "When.", type: "string", format: "date-time" },
        },
      },
      Grant: {
        description: "One caller's hold of a lock.",
        type: "object",
        required: [
          "grantId",
          "lock",
          "mode",
          "permits",
          "fence",
          "hold",
          "guaranteedFor",
          "acquiredAt",
          "holder",
        ],
        properties: {
          grantId: {
            description: "Names the grant to this sidecar.",
            type: "string",
            maxLength: 128,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          lock: {
            description: "Pool and name: orders/42.",
            type: "string",
            maxLength: 1024,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          mode: {
            description:
              "How the lock is held. exclusive: nobody else holds the lock; shared: others may share it.",
            type: "string",
            enum: ["exclusive", "shared"],
          },
          permits: {
            description: "How many permits.",
            type: "integer",
            format: "int64",
            minimum: 1,
          },
          fence: {
            description:
              "The fencing token, a decimal number as text: it grows with every exclusive grant of the lock. A shared one lies above every exclusive one before it and below every one after; among shared ones and permits it says nothing.",
            type: "string",
            minLength: 1,
            maxLength: 39,
            pattern: "^(0|[1-9][0-9]*)$",
          },
          hold: {
            description:
              "What the grant lives by. ttl: the grant ends when it is not renewed within its ttl; session: the grant ends with the sidecar's session: it belongs to the pod as a whole; connection: the grant ends when the caller closes the event stream that it was granted on.",
            type: "string",
            enum: ["ttl", "session", "connection"],
          },
          ttl: {
            description:
              "How long the grant lives without a renewal. Absent: it has no ttl. From 0s to 168h.",
            type: "string",
            pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
            maxLength: 32,
          },
          expiresIn: {
            description:
              "For how long the sidecar keeps the lock for this caller without a renewal. Absent: until what it lives by ends. From 0s to 8760h.",
            type: "string",
            pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
            maxLength: 32,
          },
          guaranteedFor: {
            description:
              "For how long nobody else can be granted the lock, whatever happens to the sidecar. Count it from the sending of the request. From 0s to 8760h.",
            type: "string",
            pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
            maxLength: 32,
          },
          acquiredAt: {
            description: "When it was granted, by the sidecar's wall clock.",
            type: "string",
            format: "date-time",
          },
          holder: {
            description: "Who it is, as the caller said; else the pod.",
            type: "string",
            maxLength: 256,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
        },
      },
      Holder: {
        description: "One that holds the lock.",
        type: "object",
        required: ["holder", "pod", "mode", "permits", "since", "fence", "localWaiters"],
        properties: {
          holder: {
            description: "Who it is, as the caller said; else the pod.",
            type: "string",
            maxLength: 256,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          pod: {
            description: "The pod whose sidecar it asked.",
            type: "string",
            maxLength: 256,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          mode: {
            description:
              "How the lock is held. exclusive: nobody else holds the lock; shared: others may share it.",
            type: "string",
            enum: ["exclusive", "shared"],
          },
          permits: {
            description: "How many permits.",
            type: "integer",
            format: "int64",
            minimum: 1,
          },
          since: { description: "When it was granted.", type: "string", format: "date-time" },
          fence: {
            description:
              "The fencing token, a decimal number as text: it grows with every exclusive grant of the lock. A shared one lies above every exclusive one before it and below every one after; among shared ones and permits it says nothing.",
            type: "string",
            minLength: 1,
            maxLength: 39,
            pattern: "^(0|[1-9][0-9]*)$",
          },
          metadata: {
            description: "As the caller gave it.",
            type: "object",
            maxProperties: 64,
            additionalProperties: { type: "string", maxLength: 16384 },
          },
          localHolders: {
            description:
              "How many readers of its pod hold the lock together, of whom this is one, as last told. Absent: it alone. (The sidecar of that pod lists each.)",
            type: "integer",
            format: "int64",
            minimum: 2,
          },
          localWaiters: {
            description: "How many callers wait behind it in its own pod, as last told.",
            type: "integer",
            format: "int64",
            minimum: 0,
          },
        },
      },
      Holders: {
        description: "Those who hold a lock.",
        type: "object",
        required: ["lock", "holders"],
        properties: {
          lock: {
            description: "Pool and name: orders/42.",
            type: "string",
            maxLength: 1024,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          holders: {
            description: "Of a Mutex one; else all that hold the lock, in order.",
            type: "array",
            minItems: 1,
            maxItems: 100000,
            items: { $ref: "#/components/schemas/Holder" },
          },
          lost: {
            description:
              "Holders that were lost, and for whose sake the next waits (spec.lockDelay). Absent: none, or the delay is over.",
            type: "array",
            maxItems: 100000,
            items: { $ref: "#/components/schemas/LostHolder" },
          },
        },
      },
      IdentityState: {
        description:
          "What an operator gave this sidecar, to be let into etcd. Absent: options say how etcd is reached.",
        type: "object",
        properties: {
          expiresAt: {
            description: "When its certificate ends. Absent: it has none.",
            type: "string",
            format: "date-time",
          },
          problem: {
            description: "Why there is no new one, or what has ended.",
            type: "string",
            maxLength: 65536,
          },
        },
      },
      Jeopardy: {
        description: "A grant that is about to end.",
        type: "object",
        required: ["grantId", "deadlineIn", "deadline"],
        properties: {
          grantId: {
            description: "The grant.",
            type: "string",
            maxLength: 128,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          deadlineIn: {
            description:
              "How long the grant lasts at most, counted from when it was said. From 0s to 8760h.",
            type: "string",
            pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
            maxLength: 32,
          },
          deadline: {
            description:
              "That moment by the sidecar's wall clock: an event may be read late, and this stays what it is.",
            type: "string",
            format: "date-time",
          },
        },
      },
      Lock: {
        description: "Who holds a lock and who waits for it, in order.",
        type: "object",
        required: ["lock", "holders", "waiters"],
        properties: {
          lock: {
            description: "Pool and name: orders/42.",
            type: "string",
            maxLength: 1024,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          holders: {
            description:
              "Empty: nobody holds it. It is free unless `lost`, `reserved` or `idle` tells otherwise.",
            type: "array",
            maxItems: 100000,
            items: { $ref: "#/components/schemas/Holder" },
          },
          waiters: {
            description: "The next one first.",
            type: "array",
            maxItems: 100000,
            items: { $ref: "#/components/schemas/Waiter" },
          },
          reserved: {
            description:
              "Sets whose turn has come here, and who wait for other locks: nobody else can have this one meanwhile. Absent: none.",
            type: "array",
            maxItems: 100000,
            items: { $ref: "#/components/schemas/Waiter" },
          },
          idle: {
            description:
              "Pods that keep the lock though nobody there uses it (spec.stickyFor): each gives it up when somebody asks. Absent: none does.",
            type: "array",
            maxItems: 100000,
            items: { $ref: "#/components/schemas/Waiter" },
          },
          lost: {
            description:
              "Holders that were lost, and for whose sake the next waits (spec.lockDelay). Absent: none, or the delay is over.",
            type: "array",
            maxItems: 100000,
            items: { $ref: "#/components/schemas/LostHolder" },
          },
        },
      },
      LockOfSet: {
        description: "One lock of a set, as it is held.",
        type: "object",
        required: ["lock", "mode", "permits", "fence"],
        properties: {
          lock: {
            description: "Pool and name: orders/42.",
            type: "string",
            maxLength: 1024,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          mode: {
            description:
              "How the lock is held. exclusive: nobody else holds the lock; shared: others may share it.",
            type: "string",
            enum: ["exclusive", "shared"],
          },
          permits: {
            description: "How many permits.",
            type: "integer",
            format: "int64",
            minimum: 1,
          },
          fence: {
            description:
              "The fencing token, a decimal number as text: it grows with every exclusive grant of the lock. A shared one lies above every exclusive one before it and below every one after; among shared ones and permits it says nothing.",
            type: "string",
            minLength: 1,
            maxLength: 39,
            pattern: "^(0|[1-9][0-9]*)$",
          },
        },
      },
      LockPool: {
        description:
          "The locks of a pool that are held or waited for, or kept for a holder that was lost, in the order of their names.",
        type: "object",
        required: ["pool", "totals", "locks"],
        properties: {
          pool: {
            description: "The DistributedLock.",
            type: "string",
            minLength: 1,
            maxLength: 253,
            pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
          },
          totals: { $ref: "#/components/schemas/LockTotals" },
          locks: {
            description: "This page.",
            type: "array",
            maxItems: 1000,
            items: { $ref: "#/components/schemas/Lock" },
          },
          continue: {
            description:
              "Give it with the next request to read on. Absent: this was the last page.",
            type: "string",
            maxLength: 2048,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
        },
      },
      LockTotals: {
        description: "Of the whole pool, whatever the prefix.",
        type: "object",
        required: ["names", "held", "waiting"],
        properties: {
          names: {
            description: "Locks that are in use, as this tells them.",
            type: "integer",
            format: "int64",
            minimum: 0,
          },
          held: {
            description: "Grants that are held; of a Mutex, as many as locks.",
            type: "integer",
            format: "int64",
            minimum: 0,
          },
          waiting: {
            description: "Callers that wait.",
            type: "integer",
            format: "int64",
            minimum: 0,
          },
          oldestWaitSince: {
            description: "Absent: nobody waits.",
            type: "string",
            format: "date-time",
          },
        },
      },
      Lost: {
        description: "A grant that is over, and was not released.",
        type: "object",
        required: ["grantId", "reason", "since", "guaranteedFor"],
        properties: {
          grantId: {
            description: "The grant.",
            type: "string",
            maxLength: 128,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          reason: {
            description:
              "Why. expired: its ttl ended without a renewal; maxHold: it was held for as long as the pool allows; revoked: somebody asked for the lock, and the grace was over; broken: somebody took the lock by force, whatever was guaranteed; slow: nobody read the stream that it lived by; sessionLost: the sidecar's session with etcd ended; drained: the sidecar shuts down; undelivered: its answer could not be delivered, so it was given back.",
            type: "string",
            enum: [
              "expired",
              "maxHold",
              "revoked",
              "broken",
              "slow",
              "sessionLost",
              "drained",
              "undelivered",
            ],
          },
          since: { description: "When.", type: "string", format: "date-time" },
          guaranteedFor: {
            description:
              "For how long nobody else is granted the lock, counted from when it was said. From 0s to 8760h.",
            type: "string",
            pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
            maxLength: 32,
          },
        },
      },
      LostHolder: {
        description:
          "One that held the lock and was lost, whose place is kept for the pool's lockDelay: as it was written when that place was first granted on. Of callers of one pod who then passed the lock on among themselves it names the first.",
        type: "object",
        required: ["holder", "pod", "mode", "permits", "since", "fence", "localWaiters", "until"],
        properties: {
          holder: {
            description: "Who it is, as the caller said; else the pod.",
            type: "string",
            maxLength: 256,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          pod: {
            description: "The pod whose sidecar it asked.",
            type: "string",
            maxLength: 256,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          mode: {
            description:
              "How the lock is held. exclusive: nobody else holds the lock; shared: others may share it.",
            type: "string",
            enum: ["exclusive", "shared"],
          },
          permits: {
            description: "How many permits.",
            type: "integer",
            format: "int64",
            minimum: 1,
          },
          since: { description: "When it was granted.", type: "string", format: "date-time" },
          fence: {
            description:
              "The fencing token, a decimal number as text: it grows with every exclusive grant of the lock. A shared one lies above every exclusive one before it and below every one after; among shared ones and permits it says nothing.",
            type: "string",
            minLength: 1,
            maxLength: 39,
            pattern: "^(0|[1-9][0-9]*)$",
          },
          metadata: {
            description: "As the caller gave it.",
            type: "object",
            maxProperties: 64,
            additionalProperties: { type: "string", maxLength: 16384 },
          },
          localHolders: {
            description:
              "How many readers of its pod hold the lock together, of whom this is one, as last told. Absent: it alone. (The sidecar of that pod lists each.)",
            type: "integer",
            format: "int64",
            minimum: 2,
          },
          localWaiters: {
            description: "How many callers wait behind it in its own pod, as last told.",
            type: "integer",
            format: "int64",
            minimum: 0,
          },
          until: {
            description:
              "Until when this sidecar grants the lock to nobody whom that one would have kept out. Each sidecar counts the delay from when it first saw the loss, so another may be a little earlier or later.",
            type: "string",
            format: "date-time",
          },
        },
      },
      OpenApi: {
        description: "An OpenAPI 3.1 document.",
        type: "object",
        additionalProperties: true,
      },
      Recovered: {
        description: "A grant that was in jeopardy.",
        type: "object",
        required: ["grantId"],
        properties: {
          grantId: {
            description: "The grant.",
            type: "string",
            maxLength: 128,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
        },
      },
      Released: {
        description: "What was released.",
        type: "object",
        required: ["released"],
        properties: {
          released: {
            description: "How many grants.",
            type: "integer",
            format: "int64",
            minimum: 0,
          },
        },
      },
      Resource: {
        description: "One resource that this sidecar knows.",
        type: "object",
        required: ["kind", "name", "state", "problems"],
        properties: {
          kind: {
            description: "Such as DistributedLock.",
            type: "string",
            maxLength: 65536,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          name: {
            description: "The resource's name.",
            type: "string",
            maxLength: 65536,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          state: {
            description:
              "Whether it is served. served: as it was last written; outdated: an earlier version is in force, and the problems say why; refused: not at all, and the problems say why.",
            type: "string",
            enum: ["served", "outdated", "refused"],
          },
          generation: {
            description: "Of the version that is in force. Absent: none is.",
            type: "integer",
            format: "int64",
            minimum: 0,
          },
          problems: {
            description: "Empty: none.",
            type: "array",
            maxItems: 100,
            items: { $ref: "#/components/schemas/ResourceProblem" },
          },
        },
      },
      ResourceProblem: {
        description:
          "What is wrong with a resource as it was last written; the last good one stays in force.",
        type: "object",
        required: ["reason"],
        properties: {
          file: { description: "The file.", type: "string", maxLength: 65536 },
          line: { description: "The line, from 1.", type: "integer", format: "int64", minimum: 1 },
          field: { description: "The field, as a path.", type: "string", maxLength: 65536 },
          reason: { description: "What is wrong.", type: "string", maxLength: 65536 },
          fix: { description: "What to do.", type: "string", maxLength: 65536 },
        },
      },
      Resources: {
        description: "What this sidecar serves.",
        type: "object",
        required: ["namespace", "source", "resources", "problems"],
        properties: {
          namespace: {
            description: "The sidecar's namespace.",
            type: "string",
            minLength: 1,
            maxLength: 63,
            pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
          },
          source: {
            description:
              "Where the resources come from. files: YAML files: standalone; etcd: etcd, written by an operator.",
            type: "string",
            enum: ["files", "etcd"],
          },
          resources: {
            description: "By kind and name.",
            type: "array",
            maxItems: 100000,
            items: { $ref: "#/components/schemas/Resource" },
          },
          problems: {
            description: "Of files that could not be read at all.",
            type: "array",
            maxItems: 100,
            items: { $ref: "#/components/schemas/ResourceProblem" },
          },
        },
      },
      RevokeRequested: {
        description: "A grant that somebody asks for.",
        type: "object",
        required: ["grantId", "by", "grace", "deadline"],
        properties: {
          grantId: {
            description: "The grant.",
            type: "string",
            maxLength: 128,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          by: {
            description: "The pod that asks for it.",
            type: "string",
            maxLength: 256,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          grace: {
            description:
              "How long the grant lasts at most, counted from when it was said. From 0s to 8760h.",
            type: "string",
            pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
            maxLength: 32,
          },
          deadline: {
            description:
              "That moment by the sidecar's wall clock: an event may be read late, and this stays what it is.",
            type: "string",
            format: "date-time",
          },
        },
      },
      Session: {
        description: "How this sidecar's session with etcd stands.",
        type: "object",
        required: ["state", "ttl", "namespace", "pod", "grants", "etcd"],
        properties: {
          state: {
            description:
              "Grants are given and confirmed only while it is alive. starting: there is none yet; alive: etcd answers; jeopardy: etcd has not answered lately; grants stand until the deadline; lost: its deadline passed; a new one is made as soon as etcd answers; closed: the sidecar is stopping.",
            type: "string",
            enum: ["starting", "alive", "jeopardy", "lost", "closed"],
          },
          id: {
            description: "Absent: there is none.",
            type: "string",
            maxLength: 65536,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          startedAt: { description: "When it was made.", type: "string", format: "date-time" },
          ttl: {
            description: "The life of its lease. From 0s to 8760h.",
            type: "string",
            pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
            maxLength: 32,
          },
          deadlineIn: {
            description:
              "Until then nobody else is granted what this sidecar holds. Absent: there is no session. From 0s to 8760h.",
            type: "string",
            pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
            maxLength: 32,
          },
          namespace: {
            description: "The sidecar's namespace.",
            type: "string",
            minLength: 1,
            maxLength: 63,
            pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
          },
          pod: {
            description: "The name under which observers see it.",
            type: "string",
            maxLength: 65536,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          grants: {
            description: "Grants that it holds.",
            type: "integer",
            format: "int64",
            minimum: 0,
          },
          identity: { $ref: "#/components/schemas/IdentityState" },
          etcd: { $ref: "#/components/schemas/EtcdState" },
        },
      },
      SetGrant: {
        description: "One caller's hold of several locks: it is renewed and released as one.",
        type: "object",
        required: ["grantId", "locks", "fence", "hold", "guaranteedFor", "acquiredAt", "holder"],
        properties: {
          grantId: {
            description: "Names the grant to this sidecar.",
            type: "string",
            maxLength: 128,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          locks: {
            description: "Each lock with its fence, as they were asked for.",
            type: "array",
            maxItems: 32,
            items: { $ref: "#/components/schemas/LockOfSet" },
          },
          fence: {
            description:
              "The fencing token, a decimal number as text: it grows with every exclusive grant of the lock. A shared one lies above every exclusive one before it and below every one after; among shared ones and permits it says nothing.",
            type: "string",
            minLength: 1,
            maxLength: 39,
            pattern: "^(0|[1-9][0-9]*)$",
          },
          hold: {
            description:
              "What the grant lives by. ttl: the grant ends when it is not renewed within its ttl; session: the grant ends with the sidecar's session: it belongs to the pod as a whole; connection: the grant ends when the caller closes the event stream that it was granted on.",
            type: "string",
            enum: ["ttl", "session", "connection"],
          },
          ttl: {
            description:
              "How long the grant lives without a renewal. Absent: it has no ttl. From 0s to 168h.",
            type: "string",
            pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
            maxLength: 32,
          },
          expiresIn: {
            description:
              "For how long the sidecar keeps the lock for this caller without a renewal. Absent: until what it lives by ends. From 0s to 8760h.",
            type: "string",
            pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
            maxLength: 32,
          },
          guaranteedFor: {
            description:
              "For how long nobody else can be granted the lock, whatever happens to the sidecar. Count it from the sending of the request. From 0s to 8760h.",
            type: "string",
            pattern: "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$",
            maxLength: 32,
          },
          acquiredAt: {
            description: "When it was granted, by the sidecar's wall clock.",
            type: "string",
            format: "date-time",
          },
          holder: {
            description: "Who it is, as the caller said; else the pod.",
            type: "string",
            maxLength: 256,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
        },
      },
      Unseen: {
        description: "A lock of which nothing is known now.",
        type: "object",
        required: ["lock"],
        properties: {
          lock: {
            description: "Pool and name: orders/42.",
            type: "string",
            maxLength: 1024,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
        },
      },
      Vacant: {
        description: "A lock that nobody holds.",
        type: "object",
        required: ["lock"],
        properties: {
          lock: {
            description: "Pool and name: orders/42.",
            type: "string",
            maxLength: 1024,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          lost: {
            description:
              "Holders that were lost, and for whose sake the next waits (spec.lockDelay). Absent: none, or the delay is over.",
            type: "array",
            maxItems: 100000,
            items: { $ref: "#/components/schemas/LostHolder" },
          },
        },
      },
      Waiter: {
        description: "One that waits. Callers behind another sidecar stand behind one place.",
        type: "object",
        required: ["holder", "pod", "mode", "permits", "since", "localWaiters"],
        properties: {
          holder: {
            description: "Who it is, as the caller said; else the pod.",
            type: "string",
            maxLength: 256,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          pod: {
            description: "The pod whose sidecar it asked.",
            type: "string",
            maxLength: 256,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          mode: {
            description:
              "How the lock is held. exclusive: nobody else holds the lock; shared: others may share it.",
            type: "string",
            enum: ["exclusive", "shared"],
          },
          permits: {
            description: "How many permits.",
            type: "integer",
            format: "int64",
            minimum: 1,
          },
          since: { description: "Since when it waits.", type: "string", format: "date-time" },
          metadata: {
            description: "As the caller gave it.",
            type: "object",
            maxProperties: 64,
            additionalProperties: { type: "string", maxLength: 16384 },
          },
          localWaiters: {
            description: "How many more callers wait behind it in its own pod, as last told.",
            type: "integer",
            format: "int64",
            minimum: 0,
          },
        },
      },
      Waiting: {
        description: "A place in a lock's queue.",
        type: "object",
        required: ["lock", "place"],
        properties: {
          lock: {
            description: "Pool and name: orders/42.",
            type: "string",
            maxLength: 1024,
            pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
          },
          place: {
            description:
              "1: the next to be served. As last seen: callers behind another sidecar may be told late.",
            type: "integer",
            format: "int64",
            minimum: 1,
          },
        },
      },
      Problem: {
        description: "Why a request was not served (RFC 9457).",
        type: "object",
        required: ["type", "title", "status", "detail", "code"],
        properties: {
          type: {
            description: "urn:holdfast:problem: and the code.",
            type: "string",
            maxLength: 65536,
          },
          title: { description: "What kind of problem.", type: "string", maxLength: 65536 },
          status: {
            description: "The HTTP status.",
            type: "integer",
            format: "int32",
            minimum: 400,
            maximum: 599,
          },
          detail: { description: "What, which, and what to do.", type: "string", maxLength: 65536 },
          code: {
            description: "One of a closed list; see the page of problems.",
            type: "string",
            maxLength: 65536,
            enum: [
              "malformed",
              "not_supported",
              "forbidden_host",
              "cross_site",
              "not_admin",
              "pool_not_found",
              "grant_not_found",
              "not_found",
              "method_not_allowed",
              "grant_lost",
              "deadlock",
              "request_reused",
              "body_too_large",
              "uri_too_long",
              "unsupported_media_type",
              "lock_held",
              "too_many_waiters",
              "too_many_names",
              "too_many_grants",
              "permits_exceed",
              "wait_too_long",
              "metadata_too_large",
              "too_many_locks",
              "too_many_requests",
              "backend_full",
              "headers_too_large",
              "internal",
              "session_lost",
              "backend_unreachable",
              "backend_refused",
              "not_ready",
              "draining",
              "sidecar_too_old",
              "outcome_unknown",
            ],
          },
          field: {
            description:
              "The field, as a path. With malformed, not_supported, request_reused, wait_too_long, permits_exceed, metadata_too_large, too_many_locks.",
            type: "string",
            maxLength: 65536,
          },
          pool: {
            description: "The pool that was named. With not_admin, pool_not_found.",
            type: "string",
            maxLength: 65536,
          },
          admin: {
            description: "Whom it lets: its spec.admin. With not_admin.",
            type: "string",
            maxLength: 65536,
          },
          annotation: {
            description: "What the pod lacks, with the value 'enabled'. With not_admin.",
            type: "string",
            maxLength: 65536,
          },
          grantId: {
            description: "The grant. With grant_not_found, grant_lost.",
            type: "string",
            maxLength: 65536,
          },
          reason: {
            description: "Why it is over. With grant_lost.",
            type: "string",
            maxLength: 65536,
          },
          since: {
            description: "Since when. With grant_lost, lock_held.",
            type: "string",
            format: "date-time",
          },
          lock: {
            description: "Pool and name: orders/42. With lock_held, deadlock.",
            type: "string",
            maxLength: 65536,
          },
          holder: {
            description: "Who holds it. With lock_held.",
            type: "string",
            maxLength: 65536,
          },
          pod: { description: "In which pod. With lock_held.", type: "string", maxLength: 65536 },
          waiting: {
            description: "How many wait. With lock_held.",
            type: "integer",
            format: "int64",
            minimum: 0,
          },
          owner: {
            description: "Whose wait was ended. With deadlock.",
            type: "string",
            maxLength: 65536,
          },
          waits: {
            description:
              "The circle, first come first; of more than 1,000 waits the first. With deadlock.",
            type: "array",
            maxItems: 100000,
            items: {
              description: "One wait.",
              type: "object",
              required: ["owner", "holder", "pod", "lock", "mode", "permits", "since", "behind"],
              properties: {
                owner: {
                  description: "Who waits, as the request named it.",
                  type: "string",
                  minLength: 1,
                  maxLength: 256,
                  pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
                },
                holder: {
                  description: "Who it is for people who look.",
                  type: "string",
                  maxLength: 256,
                  pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
                },
                pod: {
                  description: "The pod whose sidecar it asked.",
                  type: "string",
                  maxLength: 256,
                  pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
                },
                lock: {
                  description: "What it waits for: orders/42.",
                  type: "string",
                  maxLength: 1024,
                  pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
                },
                mode: {
                  description:
                    "How it wants the lock. exclusive: nobody else holds the lock; shared: others may share it.",
                  type: "string",
                  enum: ["exclusive", "shared"],
                },
                permits: {
                  description: "How many permits it wants.",
                  type: "integer",
                  format: "int64",
                  minimum: 1,
                },
                since: { description: "Since when it waits.", type: "string", format: "date-time" },
                behind: {
                  description:
                    "For which owners of the circle it waits. Of more than 100, those just before it.",
                  type: "array",
                  maxItems: 100000,
                  items: {
                    description: "An owner.",
                    type: "string",
                    minLength: 1,
                    maxLength: 256,
                    pattern: "^[^\\x00-\\x1f\\x7f-\\x9f]*$",
                  },
                },
              },
            },
          },
          requestId: {
            description: "The id to repeat the request with. With request_reused, outcome_unknown.",
            type: "string",
            maxLength: 65536,
          },
          limit: {
            description:
              "Which part of the request. With body_too_large, uri_too_long, headers_too_large, too_many_requests, too_many_waiters, too_many_names, too_many_grants, wait_too_long, permits_exceed, metadata_too_large, too_many_locks.",
            type: "string",
            maxLength: 65536,
          },
          max: {
            description:
              "How much it may hold. With body_too_large, uri_too_long, headers_too_large, too_many_requests, too_many_locks.",
            type: "integer",
            format: "int64",
            minimum: 0,
          },
          value: {
            description:
              "How it is set. With too_many_waiters, too_many_names, too_many_grants, wait_too_long, permits_exceed, metadata_too_large.",
            type: "integer",
            format: "int64",
            minimum: 0,
          },
          asked: {
            description:
              "How many the request asks for: above `value` it can never be served. With too_many_names, too_many_grants.",
            type: "integer",
            format: "int64",
            minimum: 0,
          },
          inUse: {
            description:
              "How many there are, as last counted. With too_many_names, too_many_grants.",
            type: "integer",
            format: "int64",
            minimum: 0,
          },
        },
        additionalProperties: true,
      },
    },
  },
};
