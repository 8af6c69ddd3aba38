// /usage: what was used, per key, tool, backend, hour, day or month, as JSON or CSV.
import { createRoute, z } from '@hono/zod-openapi';
import { usageCsv, USAGE_GROUPS } from '../../usage/usage-report.ts';
import { parseDuration } from '../../lib/duration.ts';
import { parseInstant } from '../../lib/instant.ts';
import { createAdminRouter, isoTime, needs, streams, type AdminApp } from './admin-route.ts';
import type { AdminPorts } from './admin-ports.ts';

const count = z.number();
const row = z.object({
  group: z.string(),
  calls: count,
  errors: count,
  refused: count,
  inputTokens: count,
  outputTokens: count,
  modelMs: count,
  turns: count,
  notesRead: count,
  notesWritten: count,
  durationMs: count,
  costUsd: count,
});
const report = z.object({ since: isoTime, until: isoTime, by: z.string(), rows: z.array(row) }).openapi('UsageReport');

export function createUsageRoutes(ports: AdminPorts): AdminApp {
  const app = createAdminRouter();
  const query = z.object({
    last: z.string().optional().openapi({ example: '30d', description: 'How far back; 30d unless since is given' }),
    since: z.string().optional().openapi({ example: '2026-11-01' }),
    until: z.string().optional().openapi({ example: '2026-12-01' }),
    by: z
      .string()
      .default('key')
      .transform((text) => text.split(','))
      .pipe(z.array(z.enum(USAGE_GROUPS)).min(1).max(USAGE_GROUPS.length))
      .openapi({ type: 'string', example: 'key,day', description: `Of ${USAGE_GROUPS.join(', ')}` }),
    format: z.enum(['json', 'csv']).default('json'),
  });
  app.openapi(
    createRoute({
      method: 'get',
      path: '/usage',
      summary: 'What was used',
      ...needs('admin:read'),
      request: { query },
      responses: streams('text/csv', 'Usage of the last while', report),
    }),
    (c) => {
      const { last = '30d', since, until, by, format } = c.req.valid('query');
      const nowMs = ports.clock.nowMs();
      const untilMs = until === undefined ? nowMs : parseInstant(until, nowMs);
      const sinceMs = since === undefined ? nowMs - parseDuration(last) : parseInstant(since, nowMs);
      const rows = ports.usage({ by, sinceMs, untilMs });
      if (format === 'csv') {
        const headers = { 'content-type': 'text/csv; charset=utf-8; header=present' };
        return new Response(usageCsv(by, rows), { headers });
      }
      const period = { since: new Date(sinceMs).toISOString(), until: new Date(untilMs).toISOString() };
      return Response.json({ ...period, by: by.join(','), rows });
    },
  );
  return app;
}
