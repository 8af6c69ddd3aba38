// /leases: a response that stays open as long as a client is attached; a daemon that stdio started lives while one is.
// Guarantees: a lease ends when its connection does, whoever closes it, and never holds up a drain.
import { createRoute } from '@hono/zod-openapi';
import { createAdminRouter, needs, streams, type AdminApp } from './admin-route.ts';
import type { AdminPorts } from './admin-ports.ts';
import { requireRunning } from './audited.ts';
import { openStream } from './open-stream.ts';

export function createLeasesRoutes(ports: AdminPorts): AdminApp {
  const app = createAdminRouter();
  app.openapi(
    createRoute({
      method: 'get',
      path: '/leases',
      summary: 'Keep the daemon while attached',
      ...needs('admin:read'),
      responses: streams('application/x-ndjson', 'Open until the client, its key or the daemon goes'),
    }),
    (c) => {
      const { leases } = requireRunning(ports);
      return openStream({
        gone: c.req.raw.signal,
        closing: leases.closing,
        attach(write) {
          const release = leases.attach();
          write({ attached: leases.attached, pid: process.pid });
          return release;
        },
      });
    },
  );
  return app;
}
