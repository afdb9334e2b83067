import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { encodeReport, reportKey, type SidecarReport } from "#core/spec/report.ts";
import { noRevision } from "#core/store.ts";
import { EtcdStore } from "#etcd/store.ts";
import { realRuntime } from "#host/runtime.ts";
import { Reports } from "#operator/sidecars/reports.ts";
import { EtcdGateway } from "../support/etcd-gateway.ts";
import { EtcdServer } from "../support/etcd-server.ts";
import { eventually } from "../support/poll.ts";

const namespace = "shop";
const mebibyte = 1024 * 1024;

function reportOf(session: string): SidecarReport {
  return {
    ...{ session, version: "1", level: 1, pod: session, applied: noRevision },
    ...{ resources: [], leftOut: 0 },
  };
}

describe("what a namespace says of its sidecars", function () {
  this.timeout(60_000);

  it("is read in pages, without what is too large for a report, and up to a bound that is told", async () => {
    await using stack = new AsyncDisposableStack();
    const etcd = stack.use(await EtcdServer.start({ noFsync: true }));
    const raw = new EtcdGateway(etcd.endpoint);
    const warned: string[] = [];
    const ignored = () => undefined;
    const runtime = realRuntime({
      ...{ debug: ignored, info: ignored, error: ignored },
      warn: (message) => void warned.push(message),
    });
    const { endpoints } = etcd;
    const store = stack.use(
      await EtcdStore.start({ runtime, endpoints }, new AbortController().signal),
    );
    const put = (session: string, value: string) => raw.put(reportKey(namespace, session), value);
    const sessions = Array.from({ length: 200 }, (_, at) => `s${String(at).padStart(3, "0")}`);
    for (const session of sessions)
      await put(session, Buffer.from(encodeReport(reportOf(session))).toString());
    const small = Buffer.from(encodeReport(reportOf("large"))).toString();
    const large = `${small.slice(0, -1)},"note":"${"x".repeat(mebibyte)}"}`;
    await put("large", large);

    const followed = new Set([namespace]);
    const reports = stack.use(
      Reports.start({
        ...{ runtime, store, namespaces: () => followed },
        ...{ isSettled: () => false, changed: ignored },
        onFailure: (_name, error) => assert.fail(String(error)),
      }),
    );
    const seen = () => {
      const all = reports.of(namespace);
      return all === "unknown" ? [] : all.map(({ session }) => session);
    };
    await eventually("all reports", () => seen().length > 0);
    assert.deepEqual(seen(), sessions);
    assert.deepEqual(warned, []);

    // Before the others in the order of keys.
    for (let at = 0; at < 40; at++) await put(`a${at}`, large);
    await eventually("the bound to be told", () => warned.length > 0);
    assert.match(warned[0] ?? "", /more of its sidecars than is read/);
    await eventually("what is beyond the bound not to count", () => seen().length < 200);
  });
});
