// /audit: search, the proof of the chain, and all of it as NDJSON. Each is in the audit itself, except what is made to be published
// (checkpoints, the public key); reading works while writing does not.
import { createRoute, z } from '@hono/zod-openapi';
import type { AuditRecord } from '../../audit/audit-record.ts';
import type { Checkpoint } from '../../audit/checkpoint.ts';
import type { AuditQuery } from '../../audit/search-audit.ts';
import { parsePublicKeys } from '../../audit/signing-key.ts';
import { parseInstant } from '../../lib/instant.ts';
import { answers, createAdminRouter, isoTime, needs, streams, type AdminApp } from './admin-route.ts';
import type { AdminPorts } from './admin-ports.ts';
import { audited } from './audited.ts';
import { ndjsonResponse } from './ndjson.ts';
import { beginRead, recordedRead } from './recorded-read.ts';

const text = z.string().nullable();
const record = z
  .object({
    seq: z.number(),
    time: isoTime,
    timeMs: z.number(),
    callId: z.string(),
    requestId: z.string(),
    kind: z.string().openapi({ example: 'intent' }),
    actorKind: z.string(),
    actorId: z.string(),
    transport: z.string(),
    action: z.string().openapi({ example: 'tool.fetch' }),
    root: text,
    operation: text,
    path: text,
    before: text,
    after: text,
    argsDigest: text,
    replyDigest: text,
    content: text,
    outcome: text,
    code: text,
    durationMs: z.number().nullable(),
    prevHash: z.string(),
    hash: z.string(),
  })
  .openapi('AuditRecord');
const page = z.object({ items: z.array(record), nextCursor: z.string().nullable() }).openapi('AuditPage');
const verdict = z
  .object({
    ok: z.boolean(),
    records: z.number(),
    firstBadSeq: z.number().optional(),
    reason: z.string().optional(),
    /** The first record follows this one; older ones were removed by retention. */
    anchor: z.object({ seq: z.number(), hash: z.string() }).optional(),
    checkpoints: z.number().optional(),
  })
  .openapi('AuditVerification');
const checkpoint = z
  .object({ seq: z.number(), hash: z.string(), time: isoTime, key: z.string(), text: z.string() })
  .openapi('AuditCheckpoint');
const checkpointList = z
  .object({ items: z.array(checkpoint), publicKey: z.string().nullable() })
  .openapi('AuditCheckpoints');

const word = z.string().min(1).max(1024).optional();
const time = word.openapi({ example: '7d', description: 'A date, a time, or how long ago' });
const searchQuery = z.object({
  actor: word.openapi({ description: 'Id of the key or caller' }),
  actorKind: z.enum(['key', 'jwt', 'local', 'system']).optional(),
  action: word.openapi({ example: 'tool.fetch', description: 'tool.* for all that begin so' }),
  path: word.openapi({ example: 'entities/*' }),
  operation: word.openapi({ example: 'note.write' }),
  call: word.openapi({ description: 'The records of one call' }),
  request: word.openapi({ description: 'The id in an answer or in the log' }),
  kind: z.enum(['intent', 'operation', 'outcome']).optional(),
  outcome: z.enum(['ok', 'error', 'denied', 'cancelled']).optional(),
  code: word.openapi({ example: 'NOT_FOUND' }),
  root: word,
  security: z.enum(['true', 'false']).optional().openapi({ description: 'Only security events' }),
  since: time,
  until: time,
  cursor: word.openapi({ description: 'nextCursor of the page before' }),
  limit: z.coerce.number().int().min(1).max(1000).default(50),
});

export function createAuditRoutes(ports: AdminPorts): AdminApp {
  const app = createAdminRouter();
  const read = needs('admin:read');

  app.openapi(
    createRoute({
      method: 'get',
      path: '/audit',
      summary: 'Search the audit',
      ...read,
      request: { query: searchQuery },
      responses: answers(page, 'What fits, the newest first. A page may be short: only nextCursor null is the end'),
    }),
    async (c) => {
      const query = c.req.valid('query');
      // Recorded before the answer leaves, but not so early that it would find itself.
      const found = ports.audit.search(asSearch(query, ports.clock.nowMs()));
      const { records, nextCursor } = await recordedRead(c, ports, {
        action: 'audit.search',
        args: query,
        read: () => found,
      });
      return c.json({ items: records.map(publicRecord), nextCursor: nextCursor ?? null }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/audit/verify',
      summary: 'Prove the audit chain',
      ...read,
      responses: answers(verdict, 'Whether the chain is whole'),
    }),
    async (c) =>
      c.json(await recordedRead(c, ports, { action: 'audit.verify', read: () => ports.audit.verify() }), 200),
  );

  const questionSchema = z.strictObject({
    /** Kept outside, as they were printed. */
    checkpoints: z.array(z.string().max(1000)).max(1000).default([]),
    /** Kept outside, as PEM or as in a checkpoint. */
    publicKeys: z.array(z.string().max(10_000)).max(100).default([]),
  });
  app.openapi(
    createRoute({
      method: 'post',
      path: '/audit/verify',
      summary: 'Prove the audit chain against checkpoints kept outside',
      ...read,
      request: { body: { required: true, content: { 'application/json': { schema: questionSchema } } } },
      responses: answers(verdict, 'Whether the chain is whole and what the checkpoints say'),
    }),
    async (c) => {
      const { checkpoints, publicKeys } = c.req.valid('json');
      const question = { checkpoints, publicKeys: publicKeys.flatMap(parsePublicKeys) };
      const found = await recordedRead(c, ports, {
        action: 'audit.verify',
        args: question,
        read: () => ports.audit.verify(question),
      });
      return c.json(found, 200);
    },
  );

  const listQuery = z.object({ limit: z.coerce.number().int().min(1).max(1000).default(20) });
  app.openapi(
    createRoute({
      method: 'get',
      path: '/audit/checkpoints',
      summary: 'The newest signed checkpoints',
      ...read,
      request: { query: listQuery },
      responses: answers(checkpointList, 'The newest first, and the public key that signs now'),
    }),
    (c) => {
      const items = ports.audit.checkpoints(c.req.valid('query').limit).map(publicCheckpoint);
      return c.json({ items, publicKey: ports.audit.publicKey() ?? null }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'post',
      path: '/audit/checkpoints',
      summary: 'Sign the newest audit record now',
      ...needs('admin:write'),
      responses: answers(checkpointList, 'The newest checkpoint, and the public key that signed it'),
    }),
    async (c) => {
      await audited(c, ports, { action: 'audit.sign', effect: () => ports.audit.checkpoint() });
      const items = ports.audit.checkpoints(1).map(publicCheckpoint);
      return c.json({ items, publicKey: ports.audit.publicKey() ?? null }, 200);
    },
  );

  const exportQuery = z.object({ from: z.coerce.number().int().min(1).default(1), since: time, until: time });
  app.openapi(
    createRoute({
      method: 'get',
      path: '/audit/export',
      summary: 'All audit records',
      ...read,
      request: { query: exportQuery },
      responses: streams('application/x-ndjson', 'One record a line'),
    }),
    async (c) => {
      const { from, ...range } = c.req.valid('query');
      const times = timeRange(range, ports.clock.nowMs());
      c.set('isWholeOrNothing', true);
      const finish = await beginRead(c, ports, { action: 'audit.export', args: { from, ...range } });
      const rows = publicRecords(ports.audit.exportRows({ afterSeq: from - 1, ...times }));
      return ndjsonResponse(rows, (outcome) => finish({ outcome }));
    },
  );
  return app;
}

function asSearch(query: z.infer<typeof searchQuery>, nowMs: number): AuditQuery {
  const { actor, call, request, security, since, until, limit, ...others } = query;
  const named = { actorId: actor, callId: call, requestId: request, ...others };
  const given = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
  return { ...given, limit, security: security === 'true', ...timeRange({ since, until }, nowMs) };
}

interface TimeRange {
  since?: string | undefined;
  until?: string | undefined;
}

function timeRange({ since, until }: TimeRange, nowMs: number): { sinceMs?: number; untilMs?: number } {
  return {
    ...(since !== undefined && { sinceMs: parseInstant(since, nowMs) }),
    ...(until !== undefined && { untilMs: parseInstant(until, nowMs) }),
  };
}

function publicCheckpoint({ seq, hash, timeMs, key, text: line }: Checkpoint): z.infer<typeof checkpoint> {
  return { seq, hash, time: new Date(timeMs).toISOString(), key, text: line };
}

function* publicRecords(rows: Iterable<AuditRecord>): Generator<AuditRecord & { time: string }> {
  for (const row of rows) yield publicRecord(row);
}

/** As stored, so that any language can recompute the hashes, with the time readable besides. */
function publicRecord(row: AuditRecord): AuditRecord & { time: string } {
  return { ...row, time: new Date(row.timeMs).toISOString() };
}
