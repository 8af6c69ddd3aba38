// /metrics/history and /events: the figures of the last hours, and what changes now, for the operator's page.
// Guarantees: the stream ends with its client and when the daemon drains (with its key: http/middleware/end-with-caller.ts); a
// slow reader misses events, never holds anything up.
import { createRoute, z } from '@hono/zod-openapi';
import { answers, createAdminRouter, isoTime, needs, streams, type AdminApp } from './admin-route.ts';
import type { AdminPorts, RunningPorts } from './admin-ports.ts';
import { requireRunning } from './audited.ts';
import { openStream } from './open-stream.ts';
import { publicRun } from './runs.ts';

const TICK_MS = 1000;

const minuteSchema = z
  .object({
    start: isoTime,
    calls: z.number(),
    errors: z.number(),
    requests: z.number(),
    serverErrors: z.number(),
    p50Ms: z.number().nullable(),
    p95Ms: z.number().nullable(),
    inputTokens: z.number(),
    outputTokens: z.number(),
    maxRunning: z.number(),
    maxWaiting: z.number(),
  })
  .openapi('Minute');

export function createEventsRoutes(ports: AdminPorts): AdminApp {
  const app = createAdminRouter();
  const read = needs('admin:read');
  app.openapi(
    createRoute({
      method: 'get',
      path: '/metrics/history',
      summary: 'Figures of the last three hours',
      ...read,
      responses: answers(
        z.object({ minutes: z.array(minuteSchema) }).openapi('MetricsHistory'),
        'One row a minute, the running one last; none from before the start',
      ),
    }),
    (c) => c.json({ minutes: minutesOf(requireRunning(ports)) }, 200),
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/events',
      summary: 'What changes now, as server-sent events',
      description:
        'Each event is named and holds JSON. `status`: state and components, when they change. `runs`: the questions in flight, when they change. `figures`: the running minute, and who runs and waits now, each second.',
      ...read,
      responses: streams('text/event-stream', 'Open until the client, its key or the daemon goes'),
    }),
    (c) => {
      const running = requireRunning(ports);
      return openStream({
        format: 'event-stream',
        gone: c.req.raw.signal,
        closing: running.leases.closing,
        attach(write) {
          const sent = new Map<string, string>();
          const send = (event: string, data: unknown): void => {
            const text = JSON.stringify(data);
            if (sent.get(event) !== text && write({ event, data })) sent.set(event, text);
          };
          const tick = (): void => {
            const { running: runs, waiting } = running.queue();
            send('status', { state: ports.state(), components: ports.health() });
            send('runs', running.runs.list().map(publicRun));
            write({ event: 'figures', data: { running: runs, waiting, minute: minutesOf(running).at(-1) } });
          };
          tick();
          const timer = setInterval(tick, TICK_MS);
          return () => clearInterval(timer);
        },
      });
    },
  );
  return app;
}

function minutesOf({ minutes }: RunningPorts): z.infer<typeof minuteSchema>[] {
  return minutes().map(({ startMs, ...row }) => ({ start: new Date(startMs).toISOString(), ...row }));
}
