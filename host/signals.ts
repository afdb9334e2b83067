/** SIGTERM and SIGINT as one promise. A second one does not wait for the drain: it ends the process at once. */
export interface Termination extends Disposable {
  readonly requested: Promise<NodeJS.Signals>;
}

const signals = ["SIGTERM", "SIGINT"] as const;
/** What a shell says of a process that a signal ended. */
const exitCodes = { SIGTERM: 143, SIGINT: 130 } as const;

/** `end` ends the process with a code; absent: `process.exit`. */
export function listenForTermination(
  source: NodeJS.EventEmitter = process,
  end: (code: number) => void = (code) => process.exit(code),
): Termination {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  let asked = false;
  const listeners = signals.map((signal) => {
    const listener = (): void => {
      if (asked) end(exitCodes[signal]);
      asked = true;
      resolve(signal);
    };
    source.on(signal, listener);
    return { signal, listener };
  });
  return {
    requested: promise,
    [Symbol.dispose]: () => {
      for (const { signal, listener } of listeners) source.off(signal, listener);
    },
  };
}
