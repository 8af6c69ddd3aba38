// /runs and /queue: the questions in flight, how many wait, and the end of one. Never what was asked.
import { createRoute, z } from '@hono/zod-openapi';
import type { RunInfo } from '../../agent/run-registry.ts';
import { AppError } from '../../lib/app-error.ts';
import { answers, createAdminRouter, isoTime, needs, toIso, type AdminApp } from './admin-route.ts';
import type { AdminPorts } from './admin-ports.ts';
import { audited, requireRunning } from './audited.ts';
import { pageFrom, pageOf, pageQuery, timePosition } from './paging.ts';

const runSchema = z
  .object({
    id: z.string().openapi({ description: 'The request id: also in the log and the audit' }),
    keyId: z.string(),
    root: z.string(),
    state: z.enum(['queued', 'running']),
    queuedAt: isoTime,
    startedAt: isoTime.nullable(),
    turns: z.number(),
    backend: z.string().nullable(),
  })
  .openapi('Run');
const queueSchema = z
  .object({
    running: z.number(),
    waiting: z.number(),
    maxConcurrentRuns: z.number(),
    maxQueuedRuns: z.number(),
    waitingByKey: z.array(z.object({ keyId: z.string(), waiting: z.number(), oldestWaitMs: z.number() })),
    typicalRunMs: z.number(),
  })
  .openapi('Queue');

export function createRunsRoutes(ports: AdminPorts): AdminApp {
  const app = createAdminRouter();
  const read = needs('admin:read');
  app.openapi(
    createRoute({
      method: 'get',
      path: '/runs',
      summary: 'Questions in flight',
      ...read,
      request: { query: z.object(pageQuery) },
      responses: answers(pageOf(runSchema, 'RunPage'), 'Oldest first'),
    }),
    (c) => {
      const runs = requireRunning(ports).runs.list();
      const page = pageFrom(runs, c.req.valid('query'), ({ id, queuedAtMs }) => timePosition(queuedAtMs, id));
      return c.json({ ...page, items: page.items.map(publicRun) }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'delete',
      path: '/runs/{id}',
      summary: 'End a question in flight',
      ...needs('admin:write'),
      request: { params: z.object({ id: z.string().min(1).max(100) }) },
      responses: answers(runSchema, 'The run as it was; who asked gets CANCELLED'),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const { runs } = requireRunning(ports);
      const cancelled = await audited(c, ports, {
        action: 'run.cancel',
        args: { id },
        effect() {
          const run = runs.list().find((candidate) => candidate.id === id);
          if (run !== undefined && runs.cancel(id)) return run;
          throw new AppError('NOT_FOUND', 'No such question is in flight', { hint: 'See "mem-agent runs list"' });
        },
        change: ({ state }) => ({ operation: 'run.cancel', path: id, before: state, after: 'cancelled' }),
      });
      return c.json(publicRun(cancelled), 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/queue',
      summary: 'How full the queue is',
      ...read,
      responses: answers(queueSchema, 'Who runs, who waits, and what the queue takes'),
    }),
    (c) => {
      const { waitingByPrincipal, ...figures } = requireRunning(ports).queue();
      const waitingByKey = waitingByPrincipal.map(({ id, ...rest }) => ({ keyId: id, ...rest }));
      return c.json({ ...figures, waitingByKey }, 200);
    },
  );
  return app;
}

export function publicRun({ queuedAtMs, startedAtMs, ...run }: RunInfo): z.infer<typeof runSchema> {
  return { ...run, queuedAt: new Date(queuedAtMs).toISOString(), startedAt: toIso(startedAtMs) };
}
