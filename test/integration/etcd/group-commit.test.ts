/** The limits and refusals of group commit as a real etcd has them: what its tests over a model take for granted. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import type { Outcome } from "#core/outcome.ts";
import type { Instant, Log } from "#core/runtime.ts";
import {
  noRevision,
  prefixRange,
  type Compare,
  type LeaseId,
  type Op,
  type Write,
  type WriteResult,
} from "#core/store.ts";
import type { TxnPort, TxnRequest } from "#etcd/batch.ts";
import { GroupCommit } from "#etcd/group-commit.ts";
import { EtcdClient } from "#etcd/client.ts";
import { realRuntime } from "#host/runtime.ts";
import { EtcdServer, type EtcdOptions } from "../../support/etcd-server.ts";

const log: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
const value = new Uint8Array(8);
const put = (key: string, bytes = value): Op => ({ kind: "putDurable", key, value: bytes });
const del = (key: string): Op => ({ kind: "delete", key });
const absent = (key: string): Compare => ({ kind: "created", key, revision: noRevision });

function write(parts: Partial<Write>): Write {
  return { given: [], when: [], then: [], otherwise: [], ...parts };
}

function kindOf(outcome: Outcome<WriteResult>): string {
  return outcome.kind === "done" ? "done" : outcome.reason.code;
}

interface Opened {
  readonly client: EtcdClient;
  readonly group: GroupCommit;
  readonly requests: TxnRequest[];
}

async function open(stack: AsyncDisposableStack, options: EtcdOptions): Promise<Opened> {
  const etcd = stack.use(await EtcdServer.start({ noFsync: true, ...options }));
  const runtime = realRuntime(log);
  const signal = new AbortController().signal;
  const client = stack.use(await EtcdClient.start({ runtime, endpoints: etcd.endpoints }, signal));
  await client.connected({ signal, deadline: (runtime.now() + 10_000) as Instant });
  const requests: TxnRequest[] = [];
  const port: TxnPort = {
    sendTxn: (request) => {
      requests.push(request);
      return client.sendTxn(request);
    },
  };
  return { client, group: stack.use(new GroupCommit(port)), requests };
}

/** Written together, they go together, up to what one request may hold. */
async function together({ group }: Opened, writes: readonly Write[]): Promise<string[]> {
  return (await Promise.all(writes.map((one) => group.write(one)))).map(kindOf);
}

const each = <T>(count: number, make: (at: number) => T) =>
  Array.from({ length: count }, (_, at) => make(at));

for (const version of ["3.7", "3.6", "3.4"] as const) {
  describe(`group commit on etcd ${version}`, function () {
    this.timeout(60_000);

    it("is taken at each of its limits", async function () {
      await using stack = new AsyncDisposableStack();
      const opened = await open(stack, { version }).catch((error: unknown) => {
        if ((error as Error).name !== "ToolMissing") throw error;
        return this.skip();
      });
      const border: [string, readonly Write[]][] = [
        ["members", each(120, (at) => write({ when: [absent(`a${at}`)], then: [put(`a${at}`)] }))],
        ["operations", each(100, (at) => write({ then: each(28, (n) => put(`b${at}/${n}`)) }))],
        ["compares", each(98, (at) => write({ when: each(30, (n) => absent(`c${at}/${n}`)) }))],
        ["one", [write({ then: each(128, (n) => put(`d${n}`)) })]],
        [
          "facts",
          [
            ...each(40, (at) =>
              write({ given: [absent(`x${at}`), absent(`y${at}`)], then: [put(`e${at}`)] }),
            ),
            ...each(48, (at) => write({ then: [del(`f${at}`)] })),
          ],
        ],
        ["bytes", each(10, (at) => write({ then: [put(`g${at}`, new Uint8Array(52_000))] }))],
        [
          "ranges",
          each(60, (at) =>
            write({ then: [put(`h${at}/`), { kind: "list", range: prefixRange(`h${at}/`) }] }),
          ),
        ],
      ];
      for (const [name, writes] of border) {
        opened.requests.length = 0;
        const kinds = await together(opened, writes);
        assert.deepEqual(new Set(kinds), new Set(["done"]), name);
        assert.equal(opened.requests.length, 1, name);
      }
    });

    it("tells who counted on a stale fact, lets deletes through, and sends the others again", async function () {
      await using stack = new AsyncDisposableStack();
      const opened = await open(stack, { version }).catch((error: unknown) => {
        if ((error as Error).name !== "ToolMissing") throw error;
        return this.skip();
      });
      await together(opened, [write({ then: [put("m/1"), put("old")] })]);
      const noMarker = { kind: "empty" as const, ...prefixRange("m/") };
      const free = { kind: "empty" as const, ...prefixRange("n/") };
      const kinds = await together(opened, [
        write({ given: [noMarker], when: [absent("a")], then: [put("a")] }),
        write({ given: [free], when: [absent("b")], then: [put("b")] }),
        write({ given: [absent("old")], then: [put("c")] }),
        write({ then: [del("old2")] }),
      ]);
      assert.deepEqual(kinds, ["stale", "done", "stale", "done"]);
      assert.equal(opened.requests.length, 3);
    });

    it("fails only the member whose lease is gone", async function () {
      await using stack = new AsyncDisposableStack();
      const opened = await open(stack, { version }).catch((error: unknown) => {
        if ((error as Error).name !== "ToolMissing") throw error;
        return this.skip();
      });
      const gone = 4711n as LeaseId;
      const kinds = await together(
        opened,
        each(120, (at) =>
          write({
            when: [absent(`k${at}`)],
            then: [
              at === 99
                ? { kind: "putEphemeral", key: `k${at}`, value, lease: gone }
                : put(`k${at}`),
            ],
          }),
        ),
      );
      assert.deepEqual(
        kinds.map((kind, at) => [kind, at] as const).filter(([kind]) => kind !== "done"),
        [["leaseNotFound", 99]],
      );
    });
  });
}

for (const version of ["3.7", "3.6"] as const) {
  it(`group commit lets go while etcd ${version} is full`, async function () {
    this.timeout(60_000);
    await using stack = new AsyncDisposableStack();
    const opened = await open(stack, { version, quotaBytes: 8 * 1024 * 1024 });
    await together(opened, [write({ then: each(100, (at) => put(`held/${at}`)) })]);
    let kinds: string[];
    do
      kinds = await together(
        opened,
        each(64, (at) => write({ then: [put(`k${at}`, new Uint8Array(8_000))] })),
      );
    while (!kinds.includes("noSpace"));
    const mixed = (from: number) =>
      each(40, (at) =>
        at % 2 === 0
          ? write({ then: [del(`held/${from + at}`)] })
          : write({ when: [absent(`new${at}`)], then: [put(`new${at}`)] }),
      );
    for (const from of [0, 40]) {
      opened.requests.length = 0;
      kinds = await together(opened, mixed(from));
      assert.deepEqual(new Set(kinds.filter((_, at) => at % 2 === 0)), new Set(["done"]));
      assert.deepEqual(new Set(kinds.filter((_, at) => at % 2 === 1)), new Set(["noSpace"]));
      assert.equal(opened.requests.length, 2);
    }
  });
}
