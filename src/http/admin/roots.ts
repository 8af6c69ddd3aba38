// /roots: the memory roots, where each is, how big, and whether its index is whole.
import { createRoute, z } from '@hono/zod-openapi';
import type { MemoryRoot } from '../../memory/memory-root.ts';
import { answers, createAdminRouter, needs, type AdminApp } from './admin-route.ts';
import type { AdminPorts } from './admin-ports.ts';
import { pageFrom, pageOf, pageQuery } from './paging.ts';

const rootSchema = z
  .object({
    name: z.string(),
    directory: z.string(),
    notes: z.number(),
    sizeBytes: z.number(),
    index: z.enum(['building', 'ready', 'failed']),
    indexedNotes: z.number(),
    indexLagMs: z.number(),
    readOnly: z.boolean(),
    reason: z.string().openapi({ description: 'Why it is read-only, or its index not ready; else empty' }),
  })
  .openapi('Root');

export function createRootsRoutes(ports: AdminPorts): AdminApp {
  const app = createAdminRouter();
  app.openapi(
    createRoute({
      method: 'get',
      path: '/roots',
      summary: 'Memory roots',
      ...needs('admin:read'),
      request: { query: z.object(pageQuery) },
      responses: answers(pageOf(rootSchema, 'RootPage'), 'By name'),
    }),
    async (c) => {
      const page = pageFrom(await ports.roots(), c.req.valid('query'), ({ name }) => name);
      return c.json({ ...page, items: page.items.map(publicRoot) }, 200);
    },
  );
  return app;
}

function publicRoot(root: MemoryRoot): z.infer<typeof rootSchema> {
  const { writable, ...status } = root.status();
  return { name: root.name, directory: root.directory, ...status, readOnly: !writable };
}
