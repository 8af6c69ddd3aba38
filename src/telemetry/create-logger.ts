// Builds the daemon's logger on pino: one JSON object a line, secrets taken out of the finished line, level changeable while it runs.
// Guarantees: a change of level reaches every child at once; under systemd each line carries its priority, so `journalctl -p` works.
import { fstatSync } from 'node:fs';
import pino from 'pino';
import { openLogStream, type LogDestination } from './log-stream.ts';
import type { Logger } from './logger.ts';
import { redactSecrets, type Redact } from './redact-secrets.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const SEVERITY: Record<LogLevel, number> = { trace: 10, debug: 20, info: 30, warn: 40, error: 50 };
/** syslog priorities, as `sd-daemon(3)` wants them in front of a line. */
const JOURNAL_PRIORITY: Record<LogLevel, string> = {
  trace: '<7>',
  debug: '<7>',
  info: '<6>',
  warn: '<4>',
  error: '<3>',
};

export interface LoggerOptions {
  level: LogLevel;
  destination: LogDestination;
  /** Applied to every finished line, after the built-in redaction. */
  redact?: Redact;
  /** For tests: the environment in which `JOURNAL_STREAM` is sought. */
  environment?: Record<string, string | undefined>;
}

export interface RootLogger extends Logger, Disposable {
  readonly level: LogLevel;
  setLevel(level: LogLevel): void;
  /** Opens the file again after a log rotation; does nothing on stdout and stderr. */
  reopen(): void;
}

export function createLogger(options: LoggerOptions): RootLogger {
  const toFile = typeof options.destination === 'object';
  const descriptor = options.destination === 'stdout' ? 1 : 2;
  const journal = !toFile && isJournal(descriptor, options.environment ?? process.env);
  const extraRedact = options.redact;
  const stream = openLogStream({
    destination: options.destination,
    onRecovered: (lostLines) => logger.warn({ lostLines }, 'the log can be written again'),
  });
  const state = { level: options.level };
  const root = pino(
    {
      // The gate is `state`, shared by all children; pino's own children would keep the level they were born with.
      level: 'trace',
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: pino.stdSerializers.errWithCause, error: pino.stdSerializers.errWithCause },
      hooks: {
        streamWrite: (line) => {
          const clean = extraRedact === undefined ? redactSecrets(line) : extraRedact(redactSecrets(line));
          return journal ? `${journalPriority(line)}${clean}` : clean;
        },
      },
    },
    stream.target,
  );
  const logger: RootLogger = {
    ...gatedLogger(root, state),
    get level() {
      return state.level;
    },
    setLevel(level) {
      state.level = level;
    },
    reopen: () => stream.reopen(),
    [Symbol.dispose]: () => stream[Symbol.dispose](),
  };
  return logger;
}

/** True for anything that names a level; the narrow way from a request or a flag to `LogLevel`. */
export function isLogLevel(value: unknown): value is LogLevel {
  return typeof value === 'string' && (LOG_LEVELS as readonly string[]).includes(value);
}

function gatedLogger(target: pino.Logger, state: { level: LogLevel }): Logger {
  const at =
    (level: LogLevel) =>
    (fields: object, message: string): void => {
      if (SEVERITY[level] >= SEVERITY[state.level]) target[level](fields, message);
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => gatedLogger(target.child(fields), state),
  };
}

function journalPriority(line: string): string {
  const level = /^\{"level":"(\w+)"/.exec(line)?.[1];
  return isLogLevel(level) ? JOURNAL_PRIORITY[level] : JOURNAL_PRIORITY.info;
}

/** systemd sets JOURNAL_STREAM to `device:inode` of the stream; a shell redirection below the unit makes it not match. */
function isJournal(descriptor: number, environment: Record<string, string | undefined>): boolean {
  const announced = environment['JOURNAL_STREAM'];
  if (announced === undefined || announced === '') return false;
  const stat = fstatSync(descriptor);
  return announced === `${stat.dev}:${stat.ino}`;
}
