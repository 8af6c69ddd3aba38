// Finds records by who, what, note, call and time, the newest first. Whatever is asked for, one question looks at a bounded
// number of rows: a page may be short, or even empty, while its cursor says that there is more.

import { AppError } from '../lib/app-error.ts';
import type { Db } from '../store/sqlite.ts';
import { AUDIT_SELECT } from './audit-record.ts';
import type { AuditRecord } from './audit-record.ts';

export interface AuditQuery {
  actorId?: string;
  actorKind?: string;
  /** `tool.fetch`, or `tool.*` for all that begin so. */
  action?: string;
  /** A note's path, or `entities/*` for all that begin so. */
  path?: string;
  operation?: string;
  callId?: string;
  requestId?: string;
  kind?: string;
  outcome?: string;
  code?: string;
  root?: string;
  /** Only security events. */
  security?: boolean;
  /** Included. */
  sinceMs?: number;
  /** Not included. */
  untilMs?: number;
  /** Where the page before ended. */
  cursor?: string;
  /** 1 to 1000. */
  limit: number;
}

export interface AuditPage {
  records: AuditRecord[];
  /** Undefined when there is nothing more. */
  nextCursor: string | undefined;
}

/** What one question looks at, at most. */
const LOOK_AT = 8000;

interface Term {
  sql: string;
  values: readonly (string | number)[];
}

/** What an index leads to, the one with the fewest records first. The rest is checked row by row. */
const LEADS = ['callId', 'requestId', 'path', 'code', 'failure', 'security', 'action', 'actorId'] as const;

type Lead = (typeof LEADS)[number] | 'time';

const INDEX_OF: Record<Lead, string> = {
  callId: 'audit_by_call',
  requestId: 'audit_by_request',
  path: 'audit_by_path',
  code: 'audit_by_code',
  failure: 'audit_by_failure',
  security: 'audit_of_security',
  action: 'audit_by_action',
  actorId: 'audit_by_actor',
  time: 'audit_by_time',
};

export function searchAudit(db: Db, query: AuditQuery): AuditPage {
  if (!Number.isInteger(query.limit) || query.limit < 1 || query.limit > 1000) {
    throw new AppError('INVALID_INPUT', `${query.limit} is not a number of records`, { hint: 'Ask for 1 to 1000' });
  }
  const leading = leadingTerms(query);
  const isOpen = query.sinceMs === undefined && query.untilMs === undefined;
  if (isOpen && present([...Object.values(leading), ...plainTerms(query)]).length === 0) return newestOfAll(db, query);
  const lead = LEADS.find((name) => leading[name] !== undefined) ?? 'time';
  const inIndex = [...(lead === 'time' ? [] : present([leading[lead]])), ...timeTerms(query)];
  const others = [...LEADS.filter((name) => name !== lead).map((name) => leading[name]), ...plainTerms(query)];
  const checked = present(others);
  const walk = `FROM audit INDEXED BY ${INDEX_OF[lead]}${whereOf(inIndex)} ORDER BY time_ms DESC, seq DESC`;
  // Mostly what is wanted is among the first rows; only if it is not, the whole of what may be looked at is.
  const steps = checked.length === 0 ? [query.limit + 1] : [Math.min(query.limit * 8, LOOK_AT), LOOK_AT];
  let records: AuditRecord[] = [];
  for (const lookAt of steps) {
    const walked = `SELECT seq ${walk} LIMIT ${lookAt}`;
    const found = db
      .prepare<(string | number)[], AuditRecord>(
        `${AUDIT_SELECT}${whereOf([{ sql: `seq IN (${walked})`, values: [] }, ...checked])}
         ORDER BY time_ms DESC, seq DESC LIMIT ?`,
      )
      .all(...valuesOf(inIndex), ...valuesOf(checked), query.limit + 1);
    records = found.slice(0, query.limit);
    if (found.length > query.limit) return { records, nextCursor: cursorOf(records.at(-1)) };
  }
  const last = db
    .prepare<(string | number)[], Position>(
      `SELECT time_ms AS timeMs, seq ${walk} LIMIT 1 OFFSET ${(steps.at(-1) ?? LOOK_AT) - 1}`,
    )
    .get(...valuesOf(inIndex));
  return { records, nextCursor: cursorOf(last) };
}

/** By number: a clock that was ahead for a while would hide all that came after it behind what it stamped then. */
function newestOfAll(db: Db, { limit, cursor }: AuditQuery): AuditPage {
  const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : parseCursor(cursor).seq;
  const found = db
    .prepare<[number, number], AuditRecord>(`${AUDIT_SELECT} WHERE seq < ? ORDER BY seq DESC LIMIT ?`)
    .all(before, limit + 1);
  const records = found.slice(0, limit);
  return { records, nextCursor: found.length > limit ? cursorOf(records.at(-1)) : undefined };
}

function leadingTerms(query: AuditQuery): Partial<Record<Lead, Term>> {
  const { callId, requestId, path, code, outcome, security, action, actorId } = query;
  return {
    ...(callId !== undefined && { callId: equal('call_id', callId) }),
    ...(requestId !== undefined && { requestId: equal('request_id', requestId) }),
    ...(path !== undefined && !path.endsWith('*') && { path: equal('path', path) }),
    ...(code !== undefined && { code: equal('code', code) }),
    ...(outcome !== undefined &&
      outcome !== 'ok' && { failure: { sql: "outcome <> 'ok' AND outcome = ?", values: [outcome] } }),
    ...(security === true && { security: { sql: "action GLOB 'security.*'", values: [] } }),
    ...(action !== undefined && !action.endsWith('*') && { action: equal('action', action) }),
    ...(actorId !== undefined && { actorId: equal('actor_id', actorId) }),
  };
}

function plainTerms(query: AuditQuery): (Term | undefined)[] {
  const { actorKind, action, path, operation, kind, outcome, root } = query;
  return [
    action?.endsWith('*') === true ? beginsWith('action', action) : undefined,
    path?.endsWith('*') === true ? beginsWith('path', path) : undefined,
    outcome === 'ok' ? equal('outcome', outcome) : undefined,
    actorKind === undefined ? undefined : equal('actor_kind', actorKind),
    operation === undefined ? undefined : equal('operation', operation),
    kind === undefined ? undefined : equal('kind', kind),
    root === undefined ? undefined : equal('root', root),
  ];
}

function timeTerms({ sinceMs, untilMs, cursor }: AuditQuery): Term[] {
  const before = cursor === undefined ? undefined : parseCursor(cursor);
  return present([
    sinceMs === undefined ? undefined : { sql: 'time_ms >= ?', values: [sinceMs] },
    untilMs === undefined ? undefined : { sql: 'time_ms < ?', values: [untilMs] },
    before === undefined ? undefined : { sql: '(time_ms, seq) < (?, ?)', values: [before.timeMs, before.seq] },
  ]);
}

interface Position {
  timeMs: number;
  seq: number;
}

function cursorOf(position: Position | undefined): string | undefined {
  return position === undefined ? undefined : `${position.timeMs}.${position.seq}`;
}

function parseCursor(cursor: string): Position {
  const match = /^(-?\d{1,15})\.(\d{1,15})$/.exec(cursor);
  if (match?.[1] !== undefined && match[2] !== undefined) return { timeMs: Number(match[1]), seq: Number(match[2]) };
  throw new AppError('INVALID_INPUT', 'cursor: not one that a search gave', { hint: 'Start again without it' });
}

function equal(column: string, value: string): Term {
  return { sql: `${column} = ?`, values: [value] };
}

function beginsWith(column: string, pattern: string): Term {
  const start = pattern.slice(0, -1);
  return { sql: `substr(${column}, 1, length(?)) = ?`, values: [start, start] };
}

function present<T>(terms: readonly (T | undefined)[]): T[] {
  return terms.filter((term) => term !== undefined);
}

function whereOf(terms: readonly Term[]): string {
  return terms.length === 0 ? '' : ` WHERE ${terms.map((term) => term.sql).join(' AND ')}`;
}

function valuesOf(terms: readonly Term[]): (string | number)[] {
  return terms.flatMap((term) => term.values);
}
