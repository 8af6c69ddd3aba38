// /worker: the supervised model process; its state, its logs, and an operator's wishes.
// Guarantees: a wish is audited before it has an effect, with the state before and after; following the logs ends with its reader.
import { createRoute, z } from '@hono/zod-openapi';
import { AppError } from '../../lib/app-error.ts';
import { workerLogLineSchema, workerProbeSchema, workerStatusSchema } from '../../worker/worker-schemas.ts';
import type { WorkerLogLine } from '../../worker/worker.ts';
import { answers, createAdminRouter, needs, streams, type AdminApp } from './admin-route.ts';
import type { AdminPorts, WorkerPort } from './admin-ports.ts';
import { audited, requireRunning } from './audited.ts';
import { openStream } from './open-stream.ts';

const WISHES = {
  start: ['Starts it; restart budget and back-off begin anew', (worker: WorkerPort) => worker.startNow()],
  stop: ['Stops it until an operator starts it', (worker: WorkerPort) => worker.stopNow()],
  restart: ['Stops and starts it at once, also out of a crash loop', (worker: WorkerPort) => worker.restartNow()],
} as const;

export function createWorkerRoutes(ports: AdminPorts): AdminApp {
  const app = createAdminRouter();
  const read = needs('admin:read');
  const write = needs('admin:write');

  app.openapi(
    createRoute({
      method: 'get',
      path: '/worker',
      summary: 'How the model worker is',
      ...read,
      responses: answers(workerStatusSchema, 'State, why, since when, and the last failure'),
    }),
    (c) => c.json(requireWorker(ports).status(), 200),
  );

  for (const [verb, [description, wish]] of Object.entries(WISHES)) {
    app.openapi(
      createRoute({
        method: 'post',
        path: `/worker/${verb}`,
        summary: `${verb.charAt(0).toUpperCase()}${verb.slice(1)} the worker`,
        ...write,
        responses: answers(workerStatusSchema, description),
      }),
      async (c) => {
        const worker = requireWorker(ports);
        const before = worker.status().state;
        const status = await audited(c, ports, {
          action: `worker.${verb}`,
          args: { worker: worker.name },
          async effect() {
            await wish(worker);
            return worker.status();
          },
          change: (after) => ({ operation: `worker.${verb}`, before, after: after.state }),
        });
        return c.json(status, 200);
      },
    );
  }

  app.openapi(
    createRoute({
      method: 'post',
      path: '/worker/probe',
      summary: 'Ask the worker now',
      ...write,
      responses: answers(workerProbeSchema, 'Asked now: health, the served model, one token'),
    }),
    async (c) => {
      const worker = requireWorker(ports);
      const probe = await audited(c, ports, {
        action: 'worker.probe',
        args: { worker: worker.name },
        effect: () => worker.probe(),
      });
      return c.json(probe, 200);
    },
  );

  const logsQuery = z.object({
    limit: z.coerce.number().int().min(0).max(10_000).default(100),
    follow: z.stringbool().default(false),
  });
  app.openapi(
    createRoute({
      method: 'get',
      path: '/worker/logs',
      summary: 'What the worker wrote',
      ...read,
      request: { query: logsQuery },
      responses: streams(
        'application/x-ndjson',
        'The newest lines, oldest first; with follow=true as NDJSON, and each new line as it comes',
        z.array(workerLogLineSchema),
      ),
    }),
    async (c) => {
      const { limit, follow } = c.req.valid('query');
      const worker = requireWorker(ports);
      if (!follow) return c.json(await worker.logs(limit), 200);
      return followLogs(worker, limit, [c.req.raw.signal, closingOf(ports)]);
    },
  );
  return app;
}

function requireWorker(ports: AdminPorts): WorkerPort {
  if (ports.worker !== null) return ports.worker;
  requireRunning(ports);
  throw new AppError('NOT_FOUND', 'No worker is configured', { hint: 'Set worker.profile, for example vllm' });
}

/** Without a daemon nothing drains. */
function closingOf(ports: AdminPorts): AbortSignal {
  return ports.running?.leases.closing ?? new AbortController().signal;
}

/** Listens before it reads what is there, so that no line falls between the two, and none comes twice. */
async function followLogs(
  worker: WorkerPort,
  limit: number,
  [gone, closing]: readonly [AbortSignal, AbortSignal],
): Promise<Response> {
  let early: WorkerLogLine[] = [];
  let onLine = (line: WorkerLogLine): void => void early.push(line);
  const stop = worker.followLogs((line) => onLine(line));
  let recent: readonly WorkerLogLine[];
  try {
    recent = await worker.logs(limit);
  } catch (error) {
    stop();
    throw error;
  }
  const shown = new Set(recent.map((line) => line.seq));
  return openStream({
    gone,
    closing,
    attach(write) {
      for (const line of recent) write(line);
      for (const line of early) if (!shown.has(line.seq)) write(line);
      early = [];
      onLine = write;
      return stop;
    },
  });
}
