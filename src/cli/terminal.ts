// What a command writes, and where: text for people or one JSON document, errors as one line with the fix.
// Guarantees: with --json stdout holds exactly one JSON document, also when the command fails; text for people holds nothing that a
// terminal would obey, whoever wrote it.
import { ConfigError } from '../config/config-error.ts';
import { toAppError, type AppError } from '../lib/app-error.ts';
import { harmlessLine, harmlessText } from './harmless-text.ts';

export const EXIT = { ok: 0, finding: 1, usage: 2, config: 78 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface Terminal {
  readonly json: boolean;
  /** `value` with --json, else the lines of `text`. */
  show(value: unknown, text: () => string): void;
  /** Writes to stdout as it is; for streams of text. */
  write(text: string): void;
  note(text: string): void;
  /** Says what failed; the exit code that goes with it. */
  fail(error: unknown): ExitCode;
}

export interface TerminalOptions {
  json: boolean;
  debug: boolean;
  stdout: (text: string) => void;
  stderr: (text: string) => void;
}

export function createTerminal(options: TerminalOptions): Terminal {
  const { json, debug, stdout, stderr } = options;
  return {
    json,
    show: (value, text) => stdout(json ? `${JSON.stringify(value, null, 2)}\n` : withNewline(harmlessText(text()))),
    write: stdout,
    note: (text) => stderr(withNewline(harmlessText(text))),
    fail(thrown) {
      const error = toAppError(thrown);
      if (json) stdout(`${JSON.stringify({ error: describe(error) }, null, 2)}\n`);
      const harmless = error instanceof ConfigError ? harmlessText : harmlessLine;
      stderr(`mem-agent: ${harmless(error.userMessage)} [${error.code}]\n`);
      if (debug) stderr(`${stackOf(thrown)}\n`);
      else if (error.code === 'INTERNAL') stderr('mem-agent: run it again with --debug to see where\n');
      return error.code === 'CONFIG_INVALID' ? EXIT.config : EXIT.finding;
    },
  };
}

function describe(error: AppError): Record<string, unknown> {
  return {
    code: error.code,
    message: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error instanceof ConfigError ? { problems: error.problems } : {}),
  };
}

function stackOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const cause = thrown.cause === undefined ? '' : `\ncaused by ${stackOf(thrown.cause)}`;
  return `${thrown.stack ?? thrown.message}${cause}`;
}

function withNewline(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}

/** Columns as wide as their widest cell; the last one is not padded. A cell is one line. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows.map((row) => row.map(harmlessLine))];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all
    .map((row) =>
      row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  '),
    )
    .map((line) => line.trimEnd())
    .join('\n');
}
