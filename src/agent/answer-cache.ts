// Answers to questions that changed nothing, kept for a while so that the same question over the same notes costs no run.
// Guarantee: bounded in number, in bytes and in time; the oldest goes first.
import { createHash } from 'node:crypto';
import type { NoteOperation } from '../audit/audit-log.ts';
import type { Clock } from '../lib/clock.ts';
import type { AgentResult } from './ports.ts';

export interface AnswerCacheOptions {
  ttlMs: number;
  maxEntries: number;
  maxBytes: number;
  clock: Clock;
}

export const defaultAnswerCacheOptions = { maxEntries: 1000, maxBytes: 16 * 1024 * 1024 } as const;

export interface CachedAnswer {
  result: AgentResult;
  /** What the run read: whoever gets its answer has read that too, and it is recorded again. */
  operations: readonly NoteOperation[];
}

/** Everything that an answer depends on. */
export interface AnswerKeyParts {
  directory: string;
  root: string;
  revision: number;
  question: string;
  filters: string;
  scopes: Iterable<string>;
  /** What of the root the caller may read and write, as text. */
  paths: string;
  systemPrompt: string;
}

interface Entry {
  answer: CachedAnswer;
  sizeBytes: number;
  endsAtMs: number;
}

const BYTES_PER_CHARACTER = 2;

export class AnswerCache {
  readonly #options: AnswerCacheOptions;
  /** In the order in which they were stored, and so in which they end. */
  readonly #entries = new Map<string, Entry>();
  #sizeBytes = 0;

  constructor(options: AnswerCacheOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  find(key: string): CachedAnswer | undefined {
    this.#dropEnded();
    return this.#entries.get(key)?.answer;
  }

  store(key: string, answer: CachedAnswer): void {
    const { ttlMs, maxEntries, maxBytes, clock } = this.#options;
    const sizeBytes = (key.length + JSON.stringify(answer).length) * BYTES_PER_CHARACTER;
    this.#drop(key);
    this.#dropEnded();
    if (sizeBytes > maxBytes || maxEntries < 1) return;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size < maxEntries && this.#sizeBytes + sizeBytes <= maxBytes) break;
      this.#drop(oldest);
    }
    this.#entries.set(key, { answer, sizeBytes, endsAtMs: clock.monotonicMs() + ttlMs });
    this.#sizeBytes += sizeBytes;
  }

  #dropEnded(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const [key, { endsAtMs }] of this.#entries) {
      if (endsAtMs > nowMs) return;
      this.#drop(key);
    }
  }

  #drop(key: string): void {
    this.#sizeBytes -= this.#entries.get(key)?.sizeBytes ?? 0;
    this.#entries.delete(key);
  }
}

/** A digest, so that no question lies about as a key. */
export function answerKey(parts: AnswerKeyParts): string {
  const { directory, root, revision, question, filters, scopes, paths, systemPrompt } = parts;
  const ordered = [...scopes].toSorted((a, b) => (a < b ? -1 : 1));
  const text = JSON.stringify([directory, root, revision, question, filters, ordered, paths, systemPrompt]);
  return createHash('sha256').update(text).digest('base64');
}
