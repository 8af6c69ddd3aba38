// Calls that were refused because too many came, in the usage of whoever made them: counted in memory and written every few
// seconds in one transaction, so that a client in a loop costs no write a call. What can't be written waits for the next time.

import type { Clock } from '../lib/clock.ts';
import type { GroupCommit } from '../store/group-commit.ts';
import type { Db } from '../store/sqlite.ts';
import { utcDay } from './usage-recorder.ts';

export interface RefusedCallsOptions {
  db: Db;
  groupCommit: GroupCommit;
  clock: Clock;
  /** Default 5000. */
  intervalMs?: number;
}

export interface RefusedCalls extends AsyncDisposable {
  /** `tool` is empty for a request that was refused before anybody looked what it asks. */
  note(keyId: string, tool: string): void;
  flush(): Promise<void>;
}

interface Row {
  keyId: string;
  tool: string;
  calls: number;
}

/** Callers and tools are known when they are refused; this is for tokens of very many people. */
const MAX_ROWS = 10_000;

export function createRefusedCalls(options: RefusedCallsOptions): RefusedCalls {
  const { db, groupCommit, clock } = options;
  const upsert = db.prepare(`
    INSERT INTO usage (day, hour, key_id, tool, backend, calls, errors, refused, input_tokens, output_tokens, model_ms,
                       turns, notes_read, notes_written, duration_ms, cost_micro_usd)
    VALUES (:day, :hour, :keyId, :tool, '', :calls, 0, :calls, 0, 0, 0, 0, 0, 0, 0, 0)
    ON CONFLICT (day, hour, key_id, tool, backend) DO UPDATE SET
      calls = calls + excluded.calls,
      refused = refused + excluded.refused`);
  let rows = new Map<string, Row>();
  let timer: NodeJS.Timeout | undefined;

  function add({ keyId, tool, calls }: Row): void {
    const known = rows.get(`${keyId} ${tool}`);
    if (known !== undefined) known.calls += calls;
    else if (rows.size < MAX_ROWS) rows.set(`${keyId} ${tool}`, { keyId, tool, calls });
  }

  async function flush(): Promise<void> {
    const due = [...rows.values()];
    if (due.length === 0) return;
    rows = new Map();
    const nowMs = clock.nowMs();
    const period = { day: utcDay(nowMs), hour: new Date(nowMs).getUTCHours() };
    try {
      await groupCommit.enqueue(() => due.forEach((row) => upsert.run({ ...period, ...row })));
    } catch {
      // The group commit has reported it.
      due.forEach(add);
    }
  }

  return {
    note(keyId, tool) {
      add({ keyId, tool, calls: 1 });
      timer ??= setInterval(() => void flush(), options.intervalMs ?? 5000).unref();
    },
    flush,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await flush();
    },
  };
}
