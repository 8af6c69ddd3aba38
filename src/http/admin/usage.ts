// /usage: what was used, per key, tool, backend or day.
import { createRoute, z } from '@hono/zod-openapi';
import { USAGE_GROUPS } from '../../usage/usage-report.ts';
import { parseDuration } from '../../lib/duration.ts';
import { answers, createAdminRouter, isoTime, needs, type AdminApp } from './admin-route.ts';
import type { AdminPorts } from './admin-ports.ts';

const count = z.number();
const row = z.object({
  group: z.string(),
  calls: count,
  errors: count,
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
    last: z.string().default('30d').openapi({ example: '30d' }),
    by: z.enum(USAGE_GROUPS).default('key'),
  });
  app.openapi(
    createRoute({
      method: 'get',
      path: '/usage',
      summary: 'What was used',
      ...needs('admin:read'),
      request: { query },
      responses: answers(report, 'Usage of the last while'),
    }),
    (c) => {
      const { last, by } = c.req.valid('query');
      const untilMs = ports.clock.nowMs();
      const sinceMs = untilMs - parseDuration(last);
      const rows = ports.usage({ by, sinceMs }).map((row) => ({ ...row }));
      return c.json({ since: new Date(sinceMs).toISOString(), until: new Date(untilMs).toISOString(), by, rows }, 200);
    },
  );
  return app;
}
