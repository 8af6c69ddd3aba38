// One line of an engine's output as level, source and text: vLLM, uvicorn, Python's logging, mlx_lm, llama.cpp, JSON.
// Guarantees: any text is a line; no escape sequence, control character or reversed writing gets through; every pattern
// is anchored and linear, for the text comes from another process.
import type { WorkerLogLine } from './worker.ts';

export type LogLevel = WorkerLogLine['level'];

export interface ParsedLogLine {
  level: LogLevel;
  /** `vllm.EngineCore_DP0.core`, `uvicorn`, `llama.srv`; empty when the line does not say. */
  source: string;
  /** The process of vLLM that wrote it, `EngineCore_DP0`; empty for a line without that mark. */
  process: string;
  /** Leading blanks are kept: they say that a traceback goes on. */
  text: string;
  /** False when the line names neither level nor source. */
  isMarked: boolean;
}

/** What is parsed of a line; the rest is not looked at. */
export const LONGEST_RAW_LINE = 8192;
const LONGEST_SOURCE = 64;

const LEVELS: Readonly<Record<string, LogLevel>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  notice: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  err: 'error',
  critical: 'error',
  fatal: 'error',
  panic: 'error',
  i: 'info',
  w: 'warn',
  e: 'error',
  d: 'debug',
};
const WORD = '(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL)';

/** vLLM marks the lines of each of its processes. */
const PROCESS = /^\(([A-Za-z][\w.-]{0,40})(?: rank=\d{1,4})? pid=\d{1,10}\) ?/;
/** A bar of tqdm has no end of line: what is logged meanwhile is written behind it. */
const UNFINISHED_BAR = new RegExp(
  `^[^|\\]]{0,120}\\d{1,3}%[^\\]]{0,200}\\[[^\\]]{0,60}\\](?=${WORD}[: ]|\\([A-Za-z][^)]{0,60} pid=)`,
);
const VLLM = new RegExp(
  `^${WORD} \\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d(?:\\.\\d{1,6})? \\[?([\\w./-]{1,80}?)(?:\\.py)?:\\d{1,6}\\] ?`,
);
const UVICORN = new RegExp(`^${WORD}: {2,9}`);
/** Python's default, `WARNING:root:text`. */
const PYTHON = new RegExp(`^${WORD}:([A-Za-z_][\\w.]{0,80}):`);
/** With a date: `2025-11-24 17:50:12,123 - name - INFO - text`, with or without name and dashes. */
const DATED = new RegExp(
  `^\\[?\\d{4}-\\d\\d-\\d\\d[T ]\\d\\d:\\d\\d:\\d\\d(?:[.,]\\d{1,9})?(?:Z|[+-]\\d\\d:?\\d\\d)?\\]?` +
    `(?: -)? ?(?:\\[?([A-Za-z_][\\w.]{0,80})\\]?(?: -)? )??\\[?${WORD}\\]?(?: -|:)? ?`,
  'i',
);
/** llama.cpp with time stamps: `0.01.234.567 I srv  update_slots: …`. */
const LLAMA_STAMP = /^\d{1,6}\.\d\d\.\d{3}\.\d{3} ([IWED]) /;
const LLAMA =
  /^(srv|slot|que|cmn|res|main|build|system_info|print_info|load_tensors|load_model|load|set_\w{1,40}|llama_\w{1,60}|ggml_\w{1,60}|gguf_\w{1,60}|common_\w{1,60}|init_\w{1,40})(?: {1,4}|:)/;
const ACCESS = /^\S{1,60} - - \[[^\]]{1,40}\] "[A-Z]{3,7} [^"]{0,2000}" (\d{3})/;
const PYTHON_WARNING = /^\S{1,400}:\d{1,7}: \w{0,40}Warning: /;
const EXCEPTION =
  /^(?:During handling of the above exception|The above exception was the direct cause)|^[A-Za-z_][\w.]{0,120}(?:Error|Exception|Interrupt|Exit|Warning|Group)(?:: |$)/;
const SPOKEN_LEVEL = /^(error|fatal|panic|critical|warning|warn|info|debug)(?:\[[^\]]{0,40}\])?: /i;
const ERROR_WITHIN = /^[\w .-]{1,80}: (?:error|failed|fatal)\b/i;

/** `raw` is one line without its end. Never throws. */
export function parseLogLine(raw: string): ParsedLogLine {
  const whole = cleanText(raw.length > LONGEST_RAW_LINE ? raw.slice(0, LONGEST_RAW_LINE) : raw);
  const line = whole.slice(UNFINISHED_BAR.exec(whole)?.[0].length ?? 0);
  const process = PROCESS.exec(line);
  if (process === null) return parseMarks(line);
  const parsed = parseMarks(line.slice(process[0].length));
  const module = parsed.source.replace(/^vllm\.?/, '');
  const name = process[1] ?? '';
  return { ...parsed, process: name, source: bounded(`vllm.${name}${module === '' ? '' : `.${module}`}`) };
}

function parseMarks(line: string): ParsedLogLine {
  if (line.startsWith('{')) {
    const parsed = parseJsonLine(line);
    if (parsed !== null) return parsed;
  }
  const vllm = VLLM.exec(line);
  if (vllm !== null)
    return marked(vllm[1], `vllm.${(vllm[2] ?? '').replace(/\/\.\.\.\/|\//g, '.')}`, line.slice(vllm[0].length));
  const uvicorn = UVICORN.exec(line);
  if (uvicorn !== null) return marked(uvicorn[1], 'uvicorn', line.slice(uvicorn[0].length));
  const python = PYTHON.exec(line);
  if (python !== null) return marked(python[1], python[2], line.slice(python[0].length));
  const dated = DATED.exec(line);
  if (dated !== null) return marked(dated[2], dated[1], line.slice(dated[0].length));
  return parseUnnamed(line);
}

/** Lines whose form tells the level or the source. */
function parseUnnamed(line: string): ParsedLogLine {
  const stamp = LLAMA_STAMP.exec(line);
  const rest = stamp === null ? line : line.slice(stamp[0].length);
  const llama = LLAMA.exec(rest)?.[1];
  if (stamp !== null || llama !== undefined) {
    const level = stamp?.[1] ?? (ERROR_WITHIN.test(rest) ? 'error' : 'info');
    return marked(level, llama === undefined ? 'llama' : `llama.${llama}`, rest);
  }
  const status = ACCESS.exec(line)?.[1];
  if (status !== undefined) return marked(status.startsWith('5') ? 'warn' : 'info', 'http.server', line);
  if (PYTHON_WARNING.test(line)) return marked('warn', 'python', line);
  if (isTracebackHead(line) || EXCEPTION.test(line)) return unmarked('error', line);
  const spoken = SPOKEN_LEVEL.exec(line)?.[1];
  if (spoken !== undefined) return marked(spoken, '', line);
  return unmarked('info', line);
}

function parseJsonLine(line: string): ParsedLogLine | null {
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof record !== 'object' || record === null) return null;
  const fields = new Map<string, unknown>(Object.entries(record));
  const pick = (...names: string[]): unknown =>
    names.map((name) => fields.get(name)).find((value) => value !== undefined);
  const text = pick('message', 'msg', 'body', 'event', 'text');
  const level = pick('level', 'levelname', 'severity_text', 'severity', 'lvl');
  const source = pick('logger', 'name', 'source', 'component', 'module', 'target');
  const trace = pick('exc_info', 'exception', 'stack', 'traceback');
  return marked(
    typeof level === 'number' ? numberedLevel(level) : typeof level === 'string' ? level : 'info',
    typeof source === 'string' ? source.replace(/[^\w./:-]+/g, '_') : '',
    // What was escaped in the JSON has not been cleaned yet.
    typeof text === 'string' ? cleanText(typeof trace === 'string' ? `${text}\n${trace}` : text) : line,
  );
}

/** Pino counts from 10 (trace), Python from 10 (debug). */
function numberedLevel(level: number): LogLevel {
  if (level >= 50) return 'error';
  if (level >= 40) return 'warn';
  return level >= 20 ? 'info' : 'debug';
}

function marked(level: string | undefined, source: string | undefined, text: string): ParsedLogLine {
  const name = (level ?? '').toLowerCase();
  const known = Object.hasOwn(LEVELS, name) ? LEVELS[name] : undefined;
  return { level: known ?? 'info', source: bounded(source ?? ''), process: '', text, isMarked: true };
}

function unmarked(level: LogLevel, text: string): ParsedLogLine {
  return { level, source: '', process: '', text, isMarked: false };
}

function bounded(source: string): string {
  return source.slice(0, LONGEST_SOURCE);
}

export function isTracebackHead(text: string): boolean {
  return (
    text.trimStart().startsWith('Traceback (most recent call last)') || text.includes('Exception Group Traceback (')
  );
}

// oxlint-disable-next-line no-control-regex
const DIRTY = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;
const ESCAPE =
  // oxlint-disable-next-line no-control-regex
  /(?:\u001b\[|\u009b)[0-?]{0,64}[ -/]{0,8}[@-~]?|\u001b\][^\u0007\u001b]{0,4096}(?:\u0007|\u001b\\)?|\u001b[PX^_][^\u001b]{0,4096}(?:\u001b\\)?|\u001b[ -/]{0,4}[0-~]?/g;
const UNSEEN = new RegExp(DIRTY.source, 'g');

/** Without escape sequences, control characters (tabs and line feeds stay) and marks that turn the writing round. */
export function cleanText(text: string): string {
  const plain = DIRTY.test(text) ? text.replace(ESCAPE, '').replace(UNSEEN, '') : text;
  return plain.isWellFormed() ? plain : plain.toWellFormed();
}
