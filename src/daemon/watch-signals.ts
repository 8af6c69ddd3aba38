// The signals of a long-lived process: the first SIGINT or SIGTERM asks it to end, a second one at least two seconds later
// forces it, SIGHUP reloads. Guarantee: a signal that comes while it starts counts as well.

/** A terminal's Ctrl-C reaches npm and the process at once, and npm passes it on: that is one wish, not two. */
const SECOND_SIGNAL_AFTER_MS = 2000;

export interface SignalHandlers {
  /** The process ends with code 1 right after it. */
  onForced(signal: NodeJS.Signals): void;
  onReload(): void;
}

export interface WatchedSignals extends Disposable {
  /** Resolves with the reason when the process is asked to end. */
  readonly ending: Promise<string>;
}

export function watchSignals({ onForced, onReload }: SignalHandlers): WatchedSignals {
  const ending = Promise.withResolvers<string>();
  let firstSignalMs: number | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    const nowMs = performance.now();
    if (firstSignalMs === undefined) {
      firstSignalMs = nowMs;
      ending.resolve(`received ${signal}`);
      return;
    }
    if (nowMs - firstSignalMs < SECOND_SIGNAL_AFTER_MS) return;
    onForced(signal);
    process.exit(1);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.on('SIGHUP', onReload);
  return {
    ending: ending.promise,
    [Symbol.dispose]() {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
      process.off('SIGHUP', onReload);
    },
  };
}
