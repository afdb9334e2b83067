import { RealEtcd } from "./real-etcd.ts";
import { exerciseStore } from "./store.ts";

for (const version of ["3.7", "3.6", "3.4"] as const) {
  exerciseStore(`etcd ${version}`, () => RealEtcd.start(version), { progress: version !== "3.4" });
}
