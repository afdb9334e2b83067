/**
 * One event stream on a connection of its own, read as it comes. It is closed as soon as its reader stops, and taken for broken
 * where nothing comes for longer than the sidecar is ever silent: it says every ten seconds that it lives.
 */
import { connect } from "node:net";
import { noAnswer, problemOf, unexpected, unreachable } from "../error.ts";
import { jsonObject } from "../json.ts";
import type { Answer } from "./answer-reader.ts";
import { EventReader, type ServerEvent } from "./event-reader.ts";
import type { Place } from "./place.ts";

const silentMaxMs = 35_000;

/** @throws HoldfastError where it does not begin, or breaks. Ends with the signal, and where the sidecar ends it. */
export async function* readEvents(
  place: Place,
  text: string,
  signal: AbortSignal,
): AsyncGenerator<ServerEvent, void> {
  if (signal.aborted) return;
  const socket = connect({ ...place.socket, noDelay: true });
  const reader = new EventReader();
  let isConnected = false;
  socket.once("connect", () => {
    isConnected = true;
  });
  socket.setTimeout(silentMaxMs, () => {
    socket.destroy(new Error(`it was silent for ${silentMaxMs / 1000} s`));
  });
  const leave = (): void => {
    socket.destroy();
  };
  signal.addEventListener("abort", leave, { once: true });
  socket.write(text.replace("\r\n", "\r\nAccept: text/event-stream\r\n"));
  try {
    for await (const bytes of socket as AsyncIterable<Buffer>) {
      const read = reader.push(bytes);
      if (read?.kind === "answer") throw refused(read.answer);
      yield* read?.events ?? [];
      if (read?.isOver === true) return;
    }
    if (!signal.aborted) throw noAnswer(place.url, new Error("the stream was cut"));
  } catch (error) {
    if (signal.aborted) return;
    const { code } = error as NodeJS.ErrnoException;
    if (typeof code === "string" && code.startsWith("E") && !isConnected)
      throw unreachable(place.url, error as Error);
    throw error;
  } finally {
    signal.removeEventListener("abort", leave);
    socket.destroy();
  }
}

function refused({ status, text, retryAfterMs }: Answer): Error {
  const body = jsonObject(text);
  return body === undefined
    ? unexpected(status, "it is no event stream")
    : problemOf(status, body, retryAfterMs);
}
