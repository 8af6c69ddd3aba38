// /log-level: read and change how much the running daemon logs; back to the configured level at the next reload or start.
import { createRoute, z } from '@hono/zod-openapi';
import { LOG_LEVELS } from '../../telemetry/create-logger.ts';
import { answers, createAdminRouter, needs, type AdminApp } from './admin-route.ts';
import type { AdminPorts } from './admin-ports.ts';
import { audited, requireRunning } from './audited.ts';

const answer = z.object({ level: z.string() }).openapi('LogLevel');

export function createLogLevelRoutes(ports: AdminPorts): AdminApp {
  const app = createAdminRouter();
  app.openapi(
    createRoute({
      method: 'get',
      path: '/log-level',
      summary: 'How much is logged',
      ...needs('admin:read'),
      responses: answers(answer, 'The level now'),
    }),
    (c) => c.json({ level: requireRunning(ports).logLevel.get() }, 200),
  );
  app.openapi(
    createRoute({
      method: 'put',
      path: '/log-level',
      summary: 'Log more or less, until the next reload or start',
      ...needs('admin:write'),
      request: {
        body: {
          required: true,
          content: { 'application/json': { schema: z.strictObject({ level: z.enum(LOG_LEVELS) }) } },
        },
      },
      responses: answers(answer, 'The new level'),
    }),
    async (c) => {
      const { level } = c.req.valid('json');
      const { logLevel } = requireRunning(ports);
      const before = logLevel.get();
      await audited(c, ports, {
        action: 'log.level',
        args: { level },
        effect: () => logLevel.set(level),
        change: () => ({ operation: 'log.level', before, after: level }),
        undo: async () => logLevel.set(before),
      });
      return c.json({ level }, 200);
    },
  );
  return app;
}
