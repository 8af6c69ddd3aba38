// The last three hours by the minute, for charts of a daemon that nobody scrapes: calls, errors, latency, tokens, queue.
// Guarantees: bounded memory whatever the load; a minute in which nothing happened is a row of zeros; nothing about who asked.
import type { Clock } from '../lib/clock.ts';

export interface MinuteRow {
  /** When the minute began. */
  startMs: number;
  /** Tool calls that ended, and those of them that failed by a fault of ours. */
  calls: number;
  errors: number;
  /** HTTP requests of any kind that were answered, and those with 5xx. */
  requests: number;
  serverErrors: number;
  /** Of tool calls; null in a minute without one. Within 10 % of the truth. */
  p50Ms: number | null;
  p95Ms: number | null;
  inputTokens: number;
  outputTokens: number;
  /** The most seen at once. */
  maxRunning: number;
  maxWaiting: number;
}

export interface MinuteFigures {
  toolCall(call: { durationMs: number; failed: boolean }): void;
  request(request: { status: number }): void;
  tokens(tokens: { input: number; output: number }): void;
  queue(queue: { running: number; waiting: number }): void;
  /** Oldest first, the running minute last; at most `MINUTES_KEPT`. */
  rows(): MinuteRow[];
}

export const MINUTES_KEPT = 180;
const MINUTE_MS = 60_000;
/** Each bucket of the latencies is this much wider than the one before. */
const BUCKET_GROWTH = 1.2;
/** Up to two hours. */
const BUCKETS = 90;

interface Minute {
  minute: number;
  row: Omit<MinuteRow, 'startMs' | 'p50Ms' | 'p95Ms'>;
  latencies: Uint32Array;
}

export function createMinuteFigures(clock: Clock): MinuteFigures {
  const ring: (Minute | undefined)[] = Array.from({ length: MINUTES_KEPT });
  const firstMinute = Math.floor(clock.nowMs() / MINUTE_MS);

  function current(): Minute {
    const minute = Math.floor(clock.nowMs() / MINUTE_MS);
    const slot = minute % MINUTES_KEPT;
    const known = ring[slot];
    if (known?.minute === minute) return known;
    const made = { minute, row: emptyRow(), latencies: new Uint32Array(BUCKETS) };
    ring[slot] = made;
    return made;
  }

  return {
    toolCall({ durationMs, failed }) {
      const { row, latencies } = current();
      row.calls += 1;
      if (failed) row.errors += 1;
      const bucket = bucketOf(durationMs);
      latencies[bucket] = (latencies[bucket] ?? 0) + 1;
    },
    request({ status }) {
      const { row } = current();
      row.requests += 1;
      if (status >= 500) row.serverErrors += 1;
    },
    tokens({ input, output }) {
      const { row } = current();
      row.inputTokens += input;
      row.outputTokens += output;
    },
    queue({ running, waiting }) {
      const { row } = current();
      row.maxRunning = Math.max(row.maxRunning, running);
      row.maxWaiting = Math.max(row.maxWaiting, waiting);
    },
    rows() {
      const last = current().minute;
      const first = Math.max(Math.min(firstMinute, last), last - MINUTES_KEPT + 1);
      return Array.from({ length: last - first + 1 }, (_, index) => {
        const minute = first + index;
        const slot = ring[minute % MINUTES_KEPT];
        const known = slot?.minute === minute ? slot : undefined;
        return {
          startMs: minute * MINUTE_MS,
          ...(known?.row ?? emptyRow()),
          p50Ms: known === undefined ? null : quantile(known.latencies, 0.5),
          p95Ms: known === undefined ? null : quantile(known.latencies, 0.95),
        };
      });
    },
  };
}

function emptyRow(): Minute['row'] {
  return {
    calls: 0,
    errors: 0,
    requests: 0,
    serverErrors: 0,
    inputTokens: 0,
    outputTokens: 0,
    maxRunning: 0,
    maxWaiting: 0,
  };
}

function bucketOf(durationMs: number): number {
  const bucket = Math.ceil(Math.log(Math.max(durationMs, 1)) / Math.log(BUCKET_GROWTH));
  return Math.min(BUCKETS - 1, bucket);
}

/** The middle of the bucket in which the share is reached. */
function quantile(latencies: Uint32Array, share: number): number | null {
  const total = latencies.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let seen = 0;
  const bucket = latencies.findIndex((count) => (seen += count) >= share * total);
  return Number((BUCKET_GROWTH ** (bucket - 0.5)).toPrecision(3));
}
