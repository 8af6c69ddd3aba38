// /status and /drain: how the daemon is, and the polite way to end it.
import { createRoute, z } from '@hono/zod-openapi';
import { answers, createAdminRouter, isoTime, needs, toIso, type AdminApp } from './admin-route.ts';
import type { AdminPorts } from './admin-ports.ts';
import { audited, requireRunning } from './audited.ts';

const component = z.object({
  state: z.enum(['ok', 'degraded', 'failed', 'starting']),
  reason: z.string(),
  sinceIso: isoTime,
  details: z.record(z.string(), z.unknown()).optional(),
});
const status = z
  .object({
    version: z.string(),
    node: z.string(),
    state: z.string(),
    pid: z.number().nullable(),
    startedAt: isoTime.nullable(),
    stateDirectory: z.string(),
    listeners: z.record(z.string(), z.string()),
    attachedClients: z.number(),
    components: z.record(z.string(), component),
  })
  .openapi('Status');

export function createStatusRoutes(ports: AdminPorts): AdminApp {
  const app = createAdminRouter();
  app.openapi(
    createRoute({
      method: 'get',
      path: '/status',
      summary: 'How the daemon is',
      ...needs('admin:read'),
      responses: answers(status, 'State and every component'),
    }),
    (c) => {
      const components: Record<string, z.infer<typeof component>> = { ...ports.health() };
      return c.json(
        {
          version: ports.version,
          node: process.versions.node,
          state: ports.state(),
          pid: ports.running === null ? null : process.pid,
          startedAt: toIso(ports.startedAtMs),
          stateDirectory: ports.stateDirectory,
          listeners: { ...ports.listeners() },
          attachedClients: ports.running?.leases.attached ?? 0,
          components,
        },
        200,
      );
    },
  );
  app.openapi(
    createRoute({
      method: 'post',
      path: '/drain',
      summary: 'End the daemon politely',
      ...needs('admin:write'),
      responses: answers(
        z.object({ state: z.string() }),
        'The daemon stops taking requests, finishes those in flight and ends',
      ),
    }),
    async (c) => {
      const running = requireRunning(ports);
      const before = ports.state();
      await audited(c, ports, {
        action: 'daemon.drain',
        effect: () => running.drain(`asked by ${c.get('principal').id}`),
        change: () => ({ operation: 'daemon.drain', before, after: 'draining' }),
      });
      return c.json({ state: 'draining' }, 200);
    },
  );
  return app;
}
