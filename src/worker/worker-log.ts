// The output of an engine: the newest lines in a ring, and a limited stream of them to the daemon's log and to followers.
// Guarantees: bounded in memory whatever the engine writes; a flood costs little, for a line is parsed and redacted only
// when somebody sees it; a Python traceback is one line; nothing is shown that was not redacted.
import type { Clock } from '../lib/clock.ts';
import { LineSplitter } from './line-splitter.ts';
import { cleanText, LONGEST_RAW_LINE, parseLogLine } from './log-line.ts';
import type { LogLevel, ParsedLogLine } from './log-line.ts';
import { TracebackJoiner } from './traceback-joiner.ts';
import type { JoinedLine } from './traceback-joiner.ts';
import type { WorkerLogLine } from './worker.ts';

const LONGEST_TEXT = 4096;
const LONGEST_TRACEBACK = 24_000;
const SHORTEST_SECRET = 6;
const SECOND_MS = 1000;
/** A bar that redraws itself becomes a line this often. */
const REDRAW_EVERY_MS = 5000;

export interface WorkerLogOptions {
  /** Lines kept. */
  capacity: number;
  /** To `onLine` and to each follower; the ring keeps them all. */
  linesPerSecond: number;
  clock: Clock;
  redact?: (text: string) => string;
  /** Taken out wherever they stand, whatever they look like: the worker's own key and tokens. */
  secrets?: readonly string[];
  onLine?: (line: WorkerLogLine) => void;
}

export interface WorkerLog {
  write(stream: 'stdout' | 'stderr', chunk: Buffer | string): void;
  /** The engine has closed its output: what it left open becomes a line. */
  end(): void;
  /** The supervisor's own word; never left out. */
  note(level: LogLevel, text: string): void;
  /** The newest, oldest first; a traceback that is still being written is among them. */
  tail(limit: number): WorkerLogLine[];
  /** Until the result is called; one that throws is not called again. */
  follow(onLine: (line: WorkerLogLine) => void): () => void;
  /** When the engine last wrote anything, on the clock's monotonic hand; null before it did. */
  lastLineMs(): number | null;
}

interface Entry {
  seq: number;
  atMs: number;
  stream: WorkerLogLine['stream'];
  content: JoinedLine;
}

interface StreamState {
  splitter: LineSplitter;
  joiner: TracebackJoiner;
  redrawnAtMs: number;
}

export function createWorkerLog(options: WorkerLogOptions): WorkerLog {
  const { capacity, linesPerSecond, clock, onLine } = options;
  const redact = createRedact(options);
  const ring: Entry[] = [];
  const followers = new Set<(line: WorkerLogLine) => void>();
  const streams = { stdout: newStream(), stderr: newStream() };
  let seq = 0;
  let lastLineMs: number | null = null;
  let windowStartMs = -Infinity;
  let passedInWindow = 0;
  let leftOut = 0;
  let leftOutSeq = 0;
  let summary: NodeJS.Timeout | undefined;

  const show = ({ seq, atMs, stream, content }: Entry): WorkerLogLine => {
    const parsed = typeof content === 'string' ? parseLogLine(content) : content;
    const longest = parsed.text.includes('\n') ? LONGEST_TRACEBACK : LONGEST_TEXT;
    const text = redact(parsed.text);
    return {
      seq,
      timeIso: new Date(atMs).toISOString(),
      stream,
      level: parsed.level,
      source: redact(parsed.source),
      text: text.length > longest ? `${text.slice(0, longest - 1).toWellFormed()}…` : text,
    };
  };
  const deliver = (line: WorkerLogLine): void => {
    onLine?.(line);
    for (const follower of followers) {
      try {
        follower(line);
      } catch {
        followers.delete(follower);
      }
    }
  };
  /** Stands for the lines up to its number. */
  const tellLeftOut = (): void => {
    clearTimeout(summary);
    summary = undefined;
    if (leftOut === 0) return;
    const content = supervisorLine('info', `${leftOut} lines left out`);
    leftOut = 0;
    deliver(show({ seq: leftOutSeq, atMs: clock.nowMs(), stream: 'supervisor', content }));
  };
  const pass = (entry: Entry, nowMs: number): void => {
    if (onLine === undefined && followers.size === 0) return;
    if (nowMs - windowStartMs >= SECOND_MS) {
      tellLeftOut();
      windowStartMs = nowMs;
      passedInWindow = 0;
    }
    if (passedInWindow < linesPerSecond) {
      passedInWindow++;
      deliver(show(entry));
      return;
    }
    leftOut++;
    leftOutSeq = entry.seq;
    summary ??= setTimeout(tellLeftOut, SECOND_MS).unref();
  };
  const keep = (stream: Entry['stream'], content: JoinedLine): Entry => {
    const entry = { seq: ++seq, atMs: clock.nowMs(), stream, content };
    ring[(entry.seq - 1) % capacity] = entry;
    return entry;
  };
  const add = (stream: 'stdout' | 'stderr', contents: readonly JoinedLine[], nowMs: number): void => {
    for (const content of contents) {
      if (typeof content !== 'string' || content.trim() !== '') pass(keep(stream, content), nowMs);
    }
  };

  return {
    write(stream, chunk) {
      if (chunk.length === 0) return;
      const nowMs = clock.monotonicMs();
      lastLineMs = nowMs;
      const state = streams[stream];
      for (const line of state.splitter.split(chunk)) {
        if (line.isRedrawn) {
          if (line.text.trim() === '' || nowMs - state.redrawnAtMs < REDRAW_EVERY_MS) continue;
          state.redrawnAtMs = nowMs;
        }
        add(stream, state.joiner.push(line.text), nowMs);
      }
    },
    end() {
      const nowMs = clock.monotonicMs();
      for (const stream of ['stdout', 'stderr'] as const) {
        const { splitter, joiner } = streams[stream];
        const line = splitter.end();
        add(stream, [...(line === null ? [] : joiner.push(line.text)), ...joiner.end()], nowMs);
      }
    },
    note(level, text) {
      tellLeftOut();
      deliver(show(keep('supervisor', supervisorLine(level, cleanText(text)))));
    },
    tail(limit) {
      const count = Math.max(0, Math.min(limit, ring.length));
      const newest = Array.from({ length: count }, (_, index) => ring[(seq - count + index) % capacity]);
      const atMs = clock.nowMs();
      const open = (['stdout', 'stderr'] as const).flatMap((stream): Entry[] => {
        const content = streams[stream].joiner.peek();
        return content === null ? [] : [{ seq: seq + 1, atMs, stream, content }];
      });
      return [...newest, ...open].flatMap((entry) => (entry === undefined ? [] : [show(entry)])).slice(-limit);
    },
    follow(follower) {
      followers.add(follower);
      return () => void followers.delete(follower);
    },
    lastLineMs: () => lastLineMs,
  };
}

function createRedact({ redact, secrets = [] }: WorkerLogOptions): (text: string) => string {
  // The longest first, for one may begin another. What is very short is a word, not a secret.
  const known = secrets.filter((secret) => secret.length >= SHORTEST_SECRET).toSorted((a, b) => b.length - a.length);
  return (text) => {
    const masked = known.reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text);
    return redact === undefined ? masked : redact(masked);
  };
}

function newStream(): StreamState {
  return { splitter: new LineSplitter(LONGEST_RAW_LINE), joiner: new TracebackJoiner(), redrawnAtMs: -Infinity };
}

function supervisorLine(level: LogLevel, text: string): ParsedLogLine {
  return { level, source: '', process: '', text, isMarked: true };
}
