// /audit: the newest records, the proof of the chain, and all of it as NDJSON. Reading works while writing does not.
import { createRoute, z } from '@hono/zod-openapi';
import type { AuditRecord } from '../../audit/audit-record.ts';
import { answers, createAdminRouter, isoTime, requireScope, type AdminApp } from './admin-route.ts';
import type { AdminPorts } from './admin-ports.ts';

const record = z
  .looseObject({ seq: z.number(), time: isoTime, kind: z.string(), action: z.string() })
  .openapi('AuditRecord');
const verdict = z
  .object({ ok: z.boolean(), records: z.number(), firstBadSeq: z.number().optional(), reason: z.string().optional() })
  .openapi('AuditVerification');
const EXPORT_CHUNK_CHARS = 64 * 1024;

export function createAuditRoutes(ports: AdminPorts): AdminApp {
  const app = createAdminRouter();
  const read = requireScope('admin:read');

  const tailQuery = z.object({
    limit: z.coerce.number().int().min(1).max(1000).default(20),
    after: z.coerce.number().int().min(0).optional(),
  });
  app.openapi(
    createRoute({
      method: 'get',
      path: '/audit',
      middleware: read,
      request: { query: tailQuery },
      responses: answers(z.array(record), 'The newest records, oldest of them first'),
    }),
    (c) => {
      const { limit, after } = c.req.valid('query');
      const rows = ports.audit.tail({ limit, ...(after === undefined ? {} : { afterSeq: after }) });
      return c.json(rows.map(publicRecord), 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/audit/verify',
      middleware: read,
      responses: answers(verdict, 'Whether the chain is whole'),
    }),
    async (c) => c.json(await ports.audit.verify(), 200),
  );

  const exportQuery = z.object({ from: z.coerce.number().int().min(1).default(1) });
  app.openapi(
    createRoute({
      method: 'get',
      path: '/audit/export',
      middleware: read,
      request: { query: exportQuery },
      responses: {
        200: { description: 'application/x-ndjson, one record a line' },
      },
    }),
    (c) =>
      new Response(ndjson(ports.audit.exportRows({ afterSeq: c.req.valid('query').from - 1 })), {
        headers: { 'content-type': 'application/x-ndjson' },
      }),
  );
  return app;
}

/** Pulled by the reader, so that an export of any size holds one chunk in memory. */
function ndjson(rows: Iterable<AuditRecord>): ReadableStream<Uint8Array> {
  const iterator = rows[Symbol.iterator]();
  const encoder = new TextEncoder();
  return new ReadableStream({
    pull(controller) {
      let chunk = '';
      while (chunk.length < EXPORT_CHUNK_CHARS) {
        const next = iterator.next();
        if (next.done === true) {
          if (chunk !== '') controller.enqueue(encoder.encode(chunk));
          controller.close();
          return;
        }
        chunk += `${JSON.stringify(publicRecord(next.value))}\n`;
      }
      controller.enqueue(encoder.encode(chunk));
    },
    cancel() {
      iterator.return?.();
    },
  });
}

/** As stored, so that any language can recompute the hashes, with the time readable besides. */
function publicRecord(row: AuditRecord): AuditRecord & { time: string } {
  return { ...row, time: new Date(row.timeMs).toISOString() };
}
