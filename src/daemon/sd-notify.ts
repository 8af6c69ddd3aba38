// Tells the service manager how this process is, as sd_notify(3) says: ready, status, progress, watchdog, reload, stop.
// Guarantees: without a manager every call does nothing; a manager that does not listen is reported once and harms nothing;
// what is meant for this process alone is taken out of the environment, so that no child speaks in its name.
import { openDatagramSender, type DatagramSender } from '../lib/unix-datagram.ts';

export interface SdNotify extends Disposable {
  /** False when nobody is there to be told. */
  readonly isHeard: boolean;
  /** How often WATCHDOG=1 is expected at least; undefined when nobody watches. */
  readonly watchdogMs: number | undefined;
  ready(status: string): void;
  /** One line for `systemctl status`; the same line again is not sent. */
  status(line: string): void;
  /** Still at work, and it may take this much longer: while starting or stopping, when there is real progress. */
  extendTimeout(extraMs: number): void;
  /** Until the next `ready`. */
  reloading(status: string): void;
  /** Final: nothing said later makes it ready again. */
  stopping(status: string, graceMs: number): void;
  /** One beat. */
  watchdog(): void;
  /** Something that must hold does not: the manager acts now instead of when the beats run out. */
  triggerWatchdog(status: string): void;
}

export interface SdNotifyOptions {
  /** NOTIFY_SOCKET and WATCHDOG_* are taken out of it. */
  environment: Record<string, string | undefined>;
  pid: number;
  onProblem(error: unknown): void;
  /** For tests. */
  openSender?: (address: string) => DatagramSender;
  monotonicUs?: () => bigint;
}

export function openSdNotify(options: SdNotifyOptions): SdNotify {
  const { environment, onProblem } = options;
  const monotonicUs = options.monotonicUs ?? (() => process.hrtime.bigint() / 1000n);
  const address = take(environment, 'NOTIFY_SOCKET');
  const watchdogUs = Number(take(environment, 'WATCHDOG_USEC'));
  const watchdogPid = take(environment, 'WATCHDOG_PID');
  const isWatched = watchdogUs > 0 && (watchdogPid === undefined || Number(watchdogPid) === options.pid);
  let hasProblem = false;
  let lastStatus = '';
  let isStopping = false;
  let sender = address === undefined ? undefined : open(address);

  function open(target: string): DatagramSender | undefined {
    try {
      return (options.openSender ?? openDatagramSender)(target);
    } catch (error) {
      report(error);
      return undefined;
    }
  }

  function report(error: unknown): void {
    if (!hasProblem) onProblem(error);
    hasProblem = true;
  }

  /** Assignments that belong together travel in one datagram: systemd reads them as one message. */
  function send(...assignments: readonly string[]): void {
    try {
      sender?.send(assignments.join('\n'));
    } catch (error) {
      report(error);
    }
  }

  function statusOf(line: string): string {
    lastStatus = oneLine(line);
    return `STATUS=${lastStatus}`;
  }

  return {
    isHeard: sender !== undefined,
    watchdogMs: sender !== undefined && isWatched ? watchdogUs / 1000 : undefined,
    ready(status) {
      if (!isStopping) send('READY=1', statusOf(status));
    },
    status(line) {
      if (oneLine(line) !== lastStatus) send(statusOf(line));
    },
    extendTimeout: (extraMs) => send(`EXTEND_TIMEOUT_USEC=${Math.round(extraMs * 1000)}`),
    reloading(status) {
      if (!isStopping) send('RELOADING=1', `MONOTONIC_USEC=${monotonicUs()}`, statusOf(status));
    },
    stopping(status, graceMs) {
      isStopping = true;
      send('STOPPING=1', `EXTEND_TIMEOUT_USEC=${Math.round(graceMs * 1000)}`, statusOf(status));
    },
    watchdog: () => send('WATCHDOG=1'),
    triggerWatchdog: (status) => send(statusOf(status), 'WATCHDOG=trigger'),
    [Symbol.dispose]() {
      sender?.[Symbol.dispose]();
      sender = undefined;
    },
  };
}

function take(environment: Record<string, string | undefined>, name: string): string | undefined {
  const value = environment[name];
  delete environment[name];
  return value === '' ? undefined : value;
}

/** A line break would start a new assignment. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
