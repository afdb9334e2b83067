/**
 * Ports for servers of tests. They lie below the range from which the kernel takes the ports of outgoing connections:
 * in it, a server that is stopped for a while can find its port taken by some connection, and a client that dials the
 * missing server again and again can even be connected to itself.
 */
import { createServer } from "node:net";

const portMin = 20_000;
const portMax = 32_000;
const triesMax = 200;
/** Given out by this process: not given again, so that a server that is down for a while keeps its port. */
const given = new Set<number>();

/** `count` different ports of 127.0.0.1 on which nothing listens at this moment. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let tries = 0; ports.length < count; tries++) {
    if (tries > triesMax)
      throw new Error(`no ${count} free ports between ${portMin} and ${portMax}`);
    const port = portMin + Math.floor(Math.random() * (portMax - portMin));
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    ports.push(port);
  }
  return ports;
}

export function giveBack(ports: readonly number[]): void {
  for (const port of ports) given.delete(port);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => {
      resolve(false);
    });
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
