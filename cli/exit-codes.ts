/**
 * What the command ends with. `holdfast lock` passes on what its child ended with, so what it says itself stands where
 * `timeout` and `env` have their own codes: above those that programs use, below those of signals.
 */
export const exitCodes = {
  /** All but lock: it failed; why is on standard error. */
  failed: 1,
  /** All but lock: it was called wrongly. */
  usage: 2,
  /** locks release: the holder was asked, and has not gone yet. */
  requested: 3,
  /** lock: the lock was lost while the command ran; the command was ended. */
  lost: 123,
  /** lock: the lock was not granted while it was waited for. */
  notGranted: 124,
  /** lock: Holdfast could not be asked, or said no; the command was not started. */
  refused: 125,
  /** lock: the command is there and cannot be run. */
  notRunnable: 126,
  /** lock: there is no such command. */
  notFound: 127,
} as const;

/** Of what a signal ended, as shells count. */
export const signalBase = 128;
