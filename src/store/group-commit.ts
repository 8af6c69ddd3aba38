// Jobs enqueued in one turn of the event loop, and in the turns after it while they bring more, become ONE transaction, durable
// if one of them must be. A promise resolves only after COMMIT; when the transaction fails, every job in it is rejected with
// AUDIT_UNAVAILABLE and nothing of it stays, not even in memory (participants). The next job tries again, and while
// writes fail a probe notices by itself when they work again.

import { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import { systemClock } from '../lib/clock.ts';
import type { ComponentHealth } from '../lib/component.ts';
import { isFatalFailure, isStorageFailure, sqliteCode, writeFailureHint } from './sqlite-failure.ts';
import type { Db } from './sqlite.ts';

/** `written` survives a killed process at once, and a power cut from the next durable commit on: the log is in order. */
export type Durability = 'durable' | 'written';

/** State in memory that must go with the transaction: a chain head, a cache. */
export interface CommitParticipant {
  /** Inside the transaction, before the first job. A throw fails the whole transaction. */
  begin?(): void;
  /** Remember the state; `restore` takes it back when the jobs since then are undone. May nest one level. */
  save(): unknown;
  restore(saved: unknown): void;
  /** Inside the transaction, after the last job. A throw fails the whole transaction. */
  beforeCommit?(): void;
  /** After COMMIT and after the jobs were answered; must not throw. */
  committed?(durability: Durability): void;
}

export interface GroupCommitOptions {
  /** Once per failed transaction; `fatal` means: nothing may be acknowledged any more, the daemon should stop. */
  onError(error: AppError, fatal: boolean): void;
  onCommit?(jobs: number, durationMs: number): void;
  /** A harmless write that tells if writes work again; run every `probeIntervalMs` while they don't. */
  probe?: () => void;
  /** Default 1000. */
  probeIntervalMs?: number;
  clock?: Clock;
}

export interface GroupCommit extends AsyncDisposable {
  /** Jobs run in the order they came. A job may run twice (the last run counts), so it must only write to the database
   * and to the state of participants. Default: `durable`. */
  enqueue<T>(job: () => T, durability?: Durability): Promise<T>;
  register(participant: CommitParticipant): void;
  health(): ComponentHealth;
  /** Resolves when everything enqueued so far is durable or rejected. Later jobs are refused after disposal. */
  flush(): Promise<void>;
}

interface QueuedJob {
  durability: Durability;
  run(): unknown;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** SQLite syncs the log with each commit, or when the log goes into the database. */
const SYNCHRONOUS: Record<Durability, string> = {
  durable: 'PRAGMA synchronous = FULL',
  written: 'PRAGMA synchronous = NORMAL',
};

type Settled = { ok: true; value: unknown } | { ok: false; error: unknown };

/** Under load the turns bring jobs without end; nobody waits longer than this for others to join. */
const MAX_WAIT_MS = 4;

export function createGroupCommit(db: Db, options: GroupCommitOptions): GroupCommit {
  const clock = options.clock ?? systemClock;
  const begin = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');
  const rollback = db.prepare('ROLLBACK');
  const savepoint = db.prepare('SAVEPOINT job');
  const releaseSavepoint = db.prepare('RELEASE job');
  const rollbackToSavepoint = db.prepare('ROLLBACK TO job');
  const participants: CommitParticipant[] = [];
  const sinceIso = (): string => new Date(clock.nowMs()).toISOString();
  let queue: QueuedJob[] = [];
  let scheduled: NodeJS.Immediate | undefined;
  let probeTimer: NodeJS.Timeout | undefined;
  let seenJobs = 0;
  let firstWaitsSinceMs = 0;
  let closed = false;
  let fatal: AppError | undefined;
  // As the store was opened.
  let level: Durability = 'durable';
  let health: ComponentHealth = { state: 'ok', reason: 'writes are durable', sinceIso: sinceIso() };

  function enqueue<T>(job: () => T, durability: Durability = 'durable'): Promise<T> {
    const refusal = fatal ?? (closed ? closedError(db.name) : undefined);
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise<T>((resolve, reject) => {
      queue.push({ durability, run: job, resolve: (value) => resolve(value as T), reject });
      if (queue.length === 1) firstWaitsSinceMs = clock.monotonicMs();
      scheduled ??= setImmediate(flushWhenQuiet);
    });
  }

  /** While the turns of the event loop still bring jobs, the next ones will share the fsync; nobody waits on an idle loop. */
  function flushWhenQuiet(): void {
    scheduled = undefined;
    const isGrowing = queue.length > seenJobs;
    if (isGrowing && clock.monotonicMs() - firstWaitsSinceMs < MAX_WAIT_MS) {
      seenJobs = queue.length;
      scheduled = setImmediate(flushWhenQuiet);
    } else flushQueue();
  }

  function flushQueue(): void {
    if (scheduled !== undefined) clearImmediate(scheduled);
    scheduled = undefined;
    const jobs = queue;
    queue = [];
    seenJobs = 0;
    if (jobs.length === 0) return;
    if (fatal !== undefined) {
      for (const job of jobs) job.reject(fatal);
      return;
    }
    const startedMs = clock.monotonicMs();
    const durability = jobs.some((job) => job.durability === 'durable') ? 'durable' : 'written';
    let settled: Settled[];
    try {
      settled = commitAll(jobs, durability);
    } catch (error) {
      const failure = fail(error);
      for (const job of jobs) job.reject(failure);
      return;
    }
    if (durability === 'durable') recover();
    options.onCommit?.(jobs.length, clock.monotonicMs() - startedMs);
    jobs.forEach((job, index) => {
      const result = settled[index];
      if (result?.ok === true) job.resolve(result.value);
      else job.reject(result?.error);
    });
    for (const participant of participants) participant.committed?.(durability);
  }

  /** Fast path without savepoints; if one job is at fault, everything once more with a savepoint each. */
  function commitAll(jobs: readonly QueuedJob[], durability: Durability): Settled[] {
    try {
      return inTransaction(durability, () => jobs.map((job) => ({ ok: true, value: job.run() })));
    } catch (error) {
      if (isStorageFailure(error)) throw error;
    }
    return inTransaction(durability, () => jobs.map(runGuarded));
  }

  function inTransaction(durability: Durability, body: () => Settled[]): Settled[] {
    if (db.inTransaction) rollback.run();
    if (level !== durability) db.exec(SYNCHRONOUS[durability]);
    level = durability;
    const saved = participants.map((participant) => participant.save());
    begin.run();
    let settled: Settled[];
    try {
      for (const participant of participants) participant.begin?.();
      settled = body();
      for (const participant of participants) participant.beforeCommit?.();
      commit.run();
    } catch (error) {
      participants.forEach((participant, index) => participant.restore(saved[index]));
      // SQLite has rolled back by itself after some errors (full disk, I/O).
      if (db.inTransaction) rollback.run();
      throw error;
    }
    return settled;
  }

  function runGuarded(job: QueuedJob): Settled {
    const saved = participants.map((participant) => participant.save());
    savepoint.run();
    try {
      const value = job.run();
      releaseSavepoint.run();
      return { ok: true, value };
    } catch (error) {
      if (isStorageFailure(error) || !db.inTransaction) throw error;
      rollbackToSavepoint.run();
      releaseSavepoint.run();
      participants.forEach((participant, index) => participant.restore(saved[index]));
      return { ok: false, error };
    }
  }

  function fail(cause: unknown): AppError {
    const code = sqliteCode(cause) ?? 'no SQLite code';
    const error =
      cause instanceof AppError
        ? new AppError('AUDIT_UNAVAILABLE', cause.message, {
            hint: cause.hint ?? 'Look for the cause in the log',
            cause,
          })
        : new AppError('AUDIT_UNAVAILABLE', `Can't write to ${db.name} (${code})`, {
            hint: writeFailureHint(cause, db.name),
            cause,
          });
    const isFatal = isFatalFailure(cause);
    if (isFatal) fatal = error;
    if (health.state !== 'failed') health = { state: 'failed', reason: error.userMessage, sinceIso: sinceIso() };
    else health = { ...health, reason: error.userMessage };
    if (!isFatal) scheduleProbe();
    options.onError(error, isFatal);
    return error;
  }

  function recover(): void {
    if (health.state === 'ok') return;
    health = { state: 'ok', reason: 'writes are durable again', sinceIso: sinceIso() };
    clearTimeout(probeTimer);
    probeTimer = undefined;
  }

  function scheduleProbe(): void {
    const { probe } = options;
    if (probe === undefined || closed || probeTimer !== undefined) return;
    probeTimer = setTimeout(() => {
      probeTimer = undefined;
      // A failed probe was reported and scheduled the next one.
      enqueue(probe).catch(() => health);
    }, options.probeIntervalMs ?? 1000);
    probeTimer.unref();
  }

  return {
    enqueue,
    register: (participant) => void participants.push(participant),
    health: () => health,
    flush: async () => flushQueue(),
    [Symbol.asyncDispose]: async () => {
      flushQueue();
      closed = true;
      clearTimeout(probeTimer);
      probeTimer = undefined;
    },
  };
}

function closedError(path: string): AppError {
  return new AppError('AUDIT_UNAVAILABLE', `${path} is closed: mem-agent is stopping`, {
    hint: 'Try again when it runs again',
  });
}
