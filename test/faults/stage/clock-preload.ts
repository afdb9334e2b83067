/**
 * Loaded before a sidecar (`node --import`): its wall clock can be set. On SIGUSR2 it differs from the machine's by as many ms
 * as the file says that TEST_CLOCK names. The monotonic clock goes on as it was, as on a machine whose clock is set.
 */
import { readFileSync } from "node:fs";
import process from "node:process";

const file = process.env["TEST_CLOCK"];
if (file === undefined) throw new Error("TEST_CLOCK names no file");
const machineNow = Date.now.bind(Date);
let aheadMs = 0;

Date.now = () => machineNow() + aheadMs;

process.on("SIGUSR2", () => {
  aheadMs = Number(readFileSync(file, "utf8"));
});
