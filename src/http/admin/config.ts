// /config: what is configured and why (masked), and reload. A reload that fails changes nothing.
import { createRoute, z } from '@hono/zod-openapi';
import { answers, createAdminRouter, requireScope, type AdminApp } from './admin-route.ts';
import type { AdminPorts } from './admin-ports.ts';
import { audited, requireRunning } from './audited.ts';

const setting = z.object({ key: z.string(), value: z.string(), source: z.string() }).openapi('Setting');
const reloaded = z.object({ applied: z.array(z.string()), needsRestart: z.array(z.string()) }).openapi('ReloadResult');

export function createConfigRoutes(ports: AdminPorts): AdminApp {
  const app = createAdminRouter();
  app.openapi(
    createRoute({
      method: 'get',
      path: '/config',
      middleware: requireScope('admin:read'),
      responses: answers(z.array(setting), 'Every key, its value (secrets masked) and the source that won'),
    }),
    async (c) =>
      c.json(
        await audited(c, ports, {
          action: 'config.explain',
          effect: () => ports.config.explain().map(({ key, value, source }) => ({ key, value, source })),
        }),
        200,
      ),
  );
  app.openapi(
    createRoute({
      method: 'post',
      path: '/config/reload',
      middleware: requireScope('admin:write'),
      responses: answers(reloaded, 'What was applied and what needs a restart'),
    }),
    async (c) => {
      const running = requireRunning(ports);
      const { applied, needsRestart } = await audited(c, ports, {
        action: 'config.reload',
        effect: () => running.reload(),
      });
      return c.json({ applied: [...applied], needsRestart: [...needsRestart] }, 200);
    },
  );
  return app;
}
