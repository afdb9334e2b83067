/** What the kernel says of processes and of this machine. Linux only. */
import { readFileSync } from "node:fs";
import os from "node:os";

/** The kernel counts in hundredths of a second, whatever its clock. */
const tickUs = 10_000;

/** User and system time that a process has spent. */
export function cpuUsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The name, in parentheses, may hold anything; utime and stime are the 12th and 13th field after it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * tickUs;
}

export interface Memory {
  readonly rssMib: number;
  /** Of `rssMib`, what is not mapped from files. */
  readonly ownMib: number;
  /** The most so far. */
  readonly peakMib: number;
}

/** Resident memory, now. */
export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const mib = (name: string) => {
    const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
    return Math.round(Number(kib) / 102.4) / 10;
  };
  return { rssMib: mib("VmRSS"), ownMib: mib("RssAnon"), peakMib: mib("VmHWM") };
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
}

export function machine(): Machine {
  const cpus = os.cpus();
  return {
    cpu: cpus[0]?.model.trim() ?? "unknown",
    cores: cpus.length,
    memoryGib: Math.round(os.totalmem() / 2 ** 30),
    kernel: os.release(),
  };
}

/** Processes that wanted a core over the last minute: above 0 before a run, the absolute numbers are not worth much. */
export function load(): number {
  return Math.round((os.loadavg()[0] ?? 0) * 100) / 100;
}
