/** Finds out which ports are taken before anything is started, and says which option moves each. */
import net from "node:net";
import { Unusable, type PortChoice } from "./plan.ts";

const loopbacks = ["127.0.0.1", "::1"];
const alternativesMax = 50;

/** Throws with a line for each port that is taken, and the command that moves them all. */
export async function needFree(choices: readonly PortChoice[]): Promise<void> {
  const taken: PortChoice[] = [];
  for (const choice of choices) if (!(await isFree(choice.port))) taken.push(choice);
  if (taken.length === 0) return;
  const lines = taken.map(
    ({ port, what, variable }) => `Port ${port} (${what}) is taken; ${variable} changes it.`,
  );
  const moves: string[] = [];
  for (const { port, variable } of taken)
    moves.push(`${variable}=${await freeAfter(port, choices)}`);
  throw new Unusable([...lines, `For example: make run ${moves.join(" ")}`].join("\n"));
}

async function freeAfter(port: number, choices: readonly PortChoice[]): Promise<number> {
  const first = port + 10_000 > 65_000 ? port - 20_000 : port + 10_000;
  for (let other = first; other < first + alternativesMax; other++) {
    if (!choices.some((choice) => choice.port === other) && (await isFree(other))) return other;
  }
  return first;
}

async function isFree(port: number): Promise<boolean> {
  for (const host of loopbacks) if (!(await canListen(port, host))) return false;
  return true;
}

/** A machine without IPv6 has nothing that could be taken there. */
function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code === "EADDRNOTAVAIL" || error.code === "EAFNOSUPPORT");
    });
    server.listen({ port, host, exclusive: true }, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
