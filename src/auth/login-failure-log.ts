// Failed logins, summed up by address (IPv6: by /64) and minute, so that an attacker can't fill the audit: one row each, written
// when the minute is over. What could not be written is kept for the next try; memory is bounded.

import type { Clock } from '../lib/clock.ts';
import { addressBlock } from './address-block.ts';
import type { JwtFailure } from './jwt-verifier.ts';
import type { KeyFailure } from './open-key-store.ts';

export type AuthFailure = KeyFailure | JwtFailure;

export interface LoginFailureRow {
  /** Of IPv6 the /64 that one party holds; `other` once more addresses than `maxAddresses` came within a minute. */
  address: string;
  minuteStartMs: number;
  count: number;
  /** How often each reason occurred. */
  reasons: Partial<Record<AuthFailure, number>>;
}

export interface LoginFailureLogOptions {
  clock: Clock;
  /** Writes the one audit record; a rejection means "later". */
  write(row: LoginFailureRow): Promise<void>;
  /** Rows kept in memory at most. Default 10000. */
  maxAddresses?: number;
  /** How often finished minutes are looked for. Default 5000. */
  checkIntervalMs?: number;
}

export interface LoginFailureLog extends AsyncDisposable {
  /** True when the same was noted within this minute. */
  note(address: string, failure: AuthFailure): boolean;
  /** Writes all minutes that are over. */
  flush(): Promise<void>;
}

const MINUTE_MS = 60_000;

export function createLoginFailureLog(options: LoginFailureLogOptions): LoginFailureLog {
  const { clock } = options;
  const maxAddresses = options.maxAddresses ?? 10_000;
  const rows = new Map<string, LoginFailureRow>();
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  function note(address: string, failure: AuthFailure): boolean {
    const minuteStartMs = Math.floor(clock.nowMs() / MINUTE_MS) * MINUTE_MS;
    const row = rowFor(addressBlock(address), minuteStartMs);
    row.count += 1;
    const before = row.reasons[failure] ?? 0;
    row.reasons[failure] = before + 1;
    timer ??= setInterval(() => void writeRows(false), options.checkIntervalMs ?? 5000).unref();
    return before > 0;
  }

  function rowFor(address: string, minuteStartMs: number): LoginFailureRow {
    const shown = rows.size >= maxAddresses && !rows.has(`${minuteStartMs} ${address}`) ? 'other' : address;
    const key = `${minuteStartMs} ${shown}`;
    const existing = rows.get(key);
    if (existing !== undefined) return existing;
    const row: LoginFailureRow = { address: shown, minuteStartMs, count: 0, reasons: {} };
    rows.set(key, row);
    return row;
  }

  /** One pass at a time, so that no row is written twice. */
  function writeRows(includesCurrentMinute: boolean): Promise<void> {
    writing = writing.then(async () => {
      const currentMinute = Math.floor(clock.nowMs() / MINUTE_MS) * MINUTE_MS;
      const due = [...rows].filter(([, row]) => includesCurrentMinute || row.minuteStartMs !== currentMinute);
      for (const [key, row] of due) {
        rows.delete(key);
        if (!(await isWritten(row))) putBack(key, row);
      }
    });
    return writing;
  }

  async function isWritten(row: LoginFailureRow): Promise<boolean> {
    try {
      await options.write(row);
      return true;
    } catch {
      return false;
    }
  }

  /** New failures of the same minute may have come meanwhile. */
  function putBack(key: string, row: LoginFailureRow): void {
    const newer = rows.get(key);
    if (newer === undefined) return void rows.set(key, row);
    newer.count += row.count;
    for (const [reason, count] of Object.entries(row.reasons) as [AuthFailure, number][]) {
      newer.reasons[reason] = (newer.reasons[reason] ?? 0) + count;
    }
  }

  return {
    note,
    flush: () => writeRows(false),
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      timer = undefined;
      await writeRows(true);
    },
  };
}
