// /leases: a response that stays open as long as a client is attached; a daemon that stdio started lives while one is.
// Guarantees: a lease ends when its connection does, whoever closes it, and never holds up a drain.
import { createRoute } from '@hono/zod-openapi';
import { createAdminRouter, requireScope, type AdminApp } from './admin-route.ts';
import type { AdminPorts, RunningPorts } from './admin-ports.ts';
import { requireRunning } from './audited.ts';

/** A line now and then, so that a half-dead connection is noticed. */
const BEAT_MS = 15_000;

export function createLeasesRoutes(ports: AdminPorts): AdminApp {
  const app = createAdminRouter();
  app.openapi(
    createRoute({
      method: 'get',
      path: '/leases',
      middleware: requireScope('admin:read'),
      responses: {
        200: {
          description: 'application/x-ndjson, open until the client or the daemon goes',
        },
      },
    }),
    (c) =>
      new Response(leaseStream(requireRunning(ports).leases, c.req.raw.signal), {
        headers: { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' },
      }),
  );
  return app;
}

function leaseStream(leases: RunningPorts['leases'], gone: AbortSignal): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let end = (): void => undefined;
  return new ReadableStream({
    start(controller) {
      const release = leases.attach();
      const beat = setInterval(() => controller.enqueue(encoder.encode('{"beat":true}\n')), BEAT_MS);
      let ended = false;
      end = () => {
        if (ended) return;
        ended = true;
        clearInterval(beat);
        gone.removeEventListener('abort', close);
        leases.closing.removeEventListener('abort', close);
        release();
      };
      const close = (): void => {
        end();
        controller.close();
      };
      controller.enqueue(encoder.encode(`${JSON.stringify({ attached: leases.attached, pid: process.pid })}\n`));
      if (gone.aborted || leases.closing.aborted) return close();
      gone.addEventListener('abort', close);
      leases.closing.addEventListener('abort', close);
    },
    cancel() {
      end();
    },
  });
}
