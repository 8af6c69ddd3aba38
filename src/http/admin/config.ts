// /config: what is configured and why (masked), and reload. A reload that fails changes nothing.
import { createRoute, z } from '@hono/zod-openapi';
import type { SettingValue } from '../../config/config-key.ts';
import { answers, createAdminRouter, needs, type AdminApp } from './admin-route.ts';
import type { AdminPorts } from './admin-ports.ts';
import { audited, requireRunning } from './audited.ts';

const value = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]);
const setting = z
  .object({
    key: z.string(),
    value,
    source: z.string(),
    doc: z.string(),
    default: value,
    reloadable: z.boolean(),
    pendingRestart: z.boolean().openapi({ description: 'Configured anew, in effect after a restart' }),
  })
  .openapi('Setting');
const settings = z.object({ items: z.array(setting), nextCursor: z.null() }).openapi('Settings');
const reloaded = z.object({ applied: z.array(z.string()), needRestart: z.array(z.string()) }).openapi('ReloadResult');

export function createConfigRoutes(ports: AdminPorts): AdminApp {
  const app = createAdminRouter();
  app.openapi(
    createRoute({
      method: 'get',
      path: '/config',
      summary: 'The configuration',
      ...needs('admin:read'),
      responses: answers(settings, 'Every key, its value (secrets masked) and the source that won'),
    }),
    async (c) =>
      c.json(
        {
          items: await audited(c, ports, { action: 'config.explain', effect: () => explain(ports) }),
          nextCursor: null,
        },
        200,
      ),
  );
  app.openapi(
    createRoute({
      method: 'post',
      path: '/config/reload',
      summary: 'Read the configuration again',
      ...needs('admin:write'),
      responses: answers(reloaded, 'What was applied and what needs a restart'),
    }),
    async (c) => {
      const running = requireRunning(ports);
      const { applied, needRestart } = await audited(c, ports, {
        action: 'config.reload',
        effect: () => running.reload(),
        change: (diff) => ({ operation: 'config.reload', after: JSON.stringify(diff) }),
      });
      return c.json({ applied: [...applied], needRestart: [...needRestart] }, 200);
    },
  );
  return app;
}

function explain(ports: AdminPorts): z.infer<typeof setting>[] {
  const pending = new Set(ports.running?.pendingRestart());
  return ports.explainConfig().map((row) => ({
    ...row,
    value: plain(row.value),
    default: plain(row.default),
    pendingRestart: pending.has(row.key),
  }));
}

/** A list of the configuration is read-only; the answer's type is not. */
function plain(setting: SettingValue): z.infer<typeof value> {
  return typeof setting === 'object' ? [...setting] : setting;
}
