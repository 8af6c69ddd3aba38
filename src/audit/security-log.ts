// Security events into the audit, the log and the metrics. The first of a kind, caller and cause is recorded at once, those
// of the same minute are counted and recorded together, so that nobody can fill the audit. What could not be written is
// kept for the next try; memory is bounded. It never holds up or fails whoever reports.

import { randomUUIDv7 } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import { SECURITY_EVENTS, type SecurityEventName } from '../telemetry/security-events.ts';
import type { AuditActor, AuditIntent } from './audit-log.ts';
import type { AuditNote } from './audit-note.ts';

export interface SecurityFact {
  event: SecurityEventName;
  /** Default: the daemon itself. */
  actor?: AuditActor;
  transport?: AuditIntent['transport'];
  requestId?: string;
  root?: string;
  path?: string;
  /** The code the caller got. */
  code?: string;
  /** Stored and logged in clear: no secret, no text of a note. */
  details?: Readonly<Record<string, string | number | boolean>>;
}

export interface SecurityLogOptions {
  clock: Clock;
  /** Makes one audit record durable; a rejection means "later". */
  write(note: AuditNote): Promise<void>;
  /** Log line and metric; called for each event. `isRepeat`: the same was told within this minute. */
  tell(fact: SecurityFact, isRepeat: boolean): void;
  /** Kinds, callers and causes kept apart within a minute. Default 5000. */
  maxKept?: number;
  /** How often finished minutes are looked for. Default 5000. */
  checkIntervalMs?: number;
}

export interface SecurityLog extends AsyncDisposable {
  report(fact: SecurityFact): void;
  /** For what has its own call in the audit (a changed key): log line and metric only. */
  tell(fact: SecurityFact): void;
  /** Writes what was counted so far. */
  flush(): Promise<void>;
}

interface Counted {
  fact: SecurityFact;
  minute: number;
  firstMs: number;
  /** Not recorded yet. */
  count: number;
}

const MINUTE_MS = 60_000;

export function createSecurityLog(options: SecurityLogOptions): SecurityLog {
  const { clock } = options;
  const maxKept = options.maxKept ?? 5000;
  const kept = new Map<string, Counted>();
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  function report(fact: SecurityFact): void {
    const minute = Math.floor(clock.nowMs() / MINUTE_MS);
    const known = kept.get(keyOf(fact, minute));
    options.tell(fact, known !== undefined);
    if (known !== undefined) {
      known.count += 1;
      return;
    }
    const shown = kept.size < maxKept ? fact : { event: fact.event, details: { callers: 'too many to tell apart' } };
    const counted = kept.get(keyOf(shown, minute)) ?? { fact: shown, minute, firstMs: clock.nowMs(), count: 0 };
    counted.count += 1;
    const isNew = counted.count === 1;
    kept.set(keyOf(shown, minute), counted);
    timer ??= setInterval(
      () => void writeAll((row) => row.minute !== currentMinute()),
      options.checkIntervalMs ?? 5000,
    );
    timer.unref();
    if (isNew) void writeAll((row) => row === counted);
  }

  const currentMinute = (): number => Math.floor(clock.nowMs() / MINUTE_MS);

  /** One pass at a time, so that nothing is recorded twice. */
  function writeAll(isDue: (row: Counted) => boolean): Promise<void> {
    writing = writing.then(async () => {
      for (const [key, row] of [...kept].filter(([, counted]) => isDue(counted))) {
        if (row.count > 0) await writeOne(row);
        if (row.count === 0 && row.minute !== currentMinute()) kept.delete(key);
      }
    });
    return writing;
  }

  async function writeOne(row: Counted): Promise<void> {
    const { count } = row;
    try {
      await options.write(noteOf(row.fact, row.firstMs, count));
    } catch {
      // The audit says itself that it cannot write; this row waits for the next look.
      return;
    }
    row.count -= count;
  }

  return {
    report,
    tell: (fact) => options.tell(fact, false),
    flush: () => writeAll(() => true),
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      timer = undefined;
      await writeAll(() => true);
    },
  };
}

function keyOf({ event, actor, path, code, details }: SecurityFact, minute: number): string {
  return JSON.stringify([minute, event, actor?.id, path, code, details]);
}

function noteOf(fact: SecurityFact, firstMs: number, count: number): AuditNote {
  const { event, actor, transport, requestId, root, path, code, details } = fact;
  const kind = SECURITY_EVENTS[event];
  return {
    requestId: requestId ?? randomUUIDv7(),
    actor: actor ?? { kind: 'system', id: 'mem-agent' },
    transport: transport ?? 'internal',
    action: `security.${event}`,
    outcome: kind.outcome,
    ...(root !== undefined && { root }),
    ...(path !== undefined && { path }),
    ...(code !== undefined && { code }),
    content: { id: kind.id, count, firstAt: new Date(firstMs).toISOString(), ...details },
  };
}
