// Where the finished log lines go. Guarantees: a log that cannot be written (disk full, directory gone, nobody reads) stops nothing;
// lines are held back, a bounded part of them, and written when there is room again; how many were lost is told.
import { writeSync } from 'node:fs';
import pino from 'pino';
import { AppError, systemErrorCode } from '../lib/app-error.ts';

export type LogDestination = 'stdout' | 'stderr' | { file: string };

export interface LogStream extends Disposable {
  readonly target: pino.DestinationStream;
  /** Opens the file again after a log rotation; does nothing on stdout and stderr. */
  reopen(): void;
}

const MAX_HELD_BYTES = 1024 * 1024;

export interface LogStreamOptions {
  destination: LogDestination;
  /** It can be written again; so many lines are missing. */
  onRecovered(lostLines: number): void;
}

export function openLogStream({ destination, onRecovered }: LogStreamOptions): LogStream {
  const file = typeof destination === 'object' ? destination.file : undefined;
  const stream = openTarget(destination);
  let isFailing = false;
  let lostLines = 0;
  const fail = (error: unknown): void => {
    if (!isFailing && file !== undefined) complain(file, error);
    isFailing = true;
  };
  stream.on('error', fail);
  stream.on('drop', () => lostLines++);
  stream.on('write', () => {
    if (!isFailing) return;
    isFailing = false;
    const lost = lostLines;
    lostLines = 0;
    // Not from within the write that has just succeeded.
    process.nextTick(onRecovered, lost);
  });
  return {
    target: stream,
    reopen() {
      if (file === undefined) return;
      try {
        stream.reopen();
      } catch (error) {
        // Until the new file can be opened, lines go on into the old one.
        complain(file, error);
      }
    },
    [Symbol.dispose]() {
      // Every line was written at once, or is held because it can't be; flushSync() would try that for ever.
      if (file !== undefined) stream.end();
    },
  };
}

function openTarget(destination: LogDestination): ReturnType<typeof pino.destination> {
  const shared = { sync: true, maxLength: MAX_HELD_BYTES };
  if (destination === 'stdout' || destination === 'stderr')
    return pino.destination({ ...shared, fd: destination === 'stdout' ? 1 : 2 });
  const { file } = destination;
  try {
    return pino.destination({ ...shared, dest: file, mkdir: true, append: true, mode: 0o600 });
  } catch (error) {
    throw new AppError('CONFIG_INVALID', `log.file: can't write ${file} (${systemErrorCode(error) ?? 'unknown'})`, {
      hint: 'Make it writable for the user mem-agent runs as, set log.file elsewhere, or leave it out: then the log goes to stderr',
      cause: error,
    });
  }
}

/** On stderr, which systemd shows: the log itself can't say it. */
function complain(file: string, error: unknown): void {
  const line = `mem-agent: ${file} can't be written (${systemErrorCode(error) ?? 'unknown'}): the log waits until it can\n`;
  try {
    writeSync(2, line);
  } catch {
    // Nobody is left to be told; the count of lost lines is told when the log can be written again.
    return;
  }
}
