// /notes: an operator browses, reads and searches the notes. Reading notes is more than running a daemon: it takes
// admin:read and memory:read, and each look is in the audit before it is answered.
import { createRoute, z } from '@hono/zod-openapi';
import type { Principal } from '../../auth/principal.ts';
import { AppError } from '../../lib/app-error.ts';
import type { MemoryRoot } from '../../memory/memory-root.ts';
import { answers, createAdminRouter, isoTime, needs, type AdminApp } from './admin-route.ts';
import type { AdminPorts } from './admin-ports.ts';
import { toolRefusal } from '../tool-refusal.ts';
import { audited } from './audited.ts';
import { pageFrom, pageOf, pageQuery } from './paging.ts';

const noteSchema = z
  .object({ path: z.string().openapi({ example: 'entities/anna.md' }), sizeBytes: z.number(), modifiedAt: isoTime })
  .openapi('NoteEntry');
const contentSchema = z
  .object({ path: z.string(), text: z.string(), version: z.string(), sizeBytes: z.number(), modifiedAt: isoTime })
  .openapi('Note');
const hitSchema = z
  .object({ path: z.string(), title: z.string(), snippet: z.string(), score: z.number() })
  .openapi('NoteHit');
const hitsSchema = z.object({ items: z.array(hitSchema), nextCursor: z.null() }).openapi('NoteHits');

const rootName = z.string().min(1).max(64).default('default');
const MAX_HITS = 100;

export function createNotesRoutes(ports: AdminPorts): AdminApp {
  const app = createAdminRouter();
  const read = needs('admin:read', 'memory:read');

  app.openapi(
    createRoute({
      method: 'get',
      path: '/notes',
      summary: 'Notes of a root',
      ...read,
      request: { query: z.object({ root: rootName, prefix: z.string().max(400).default(''), ...pageQuery }) },
      responses: answers(pageOf(noteSchema, 'NotePage'), 'By path'),
    }),
    async (c) => {
      const { root: name, prefix, ...wanted } = c.req.valid('query');
      const page = await audited(c, ports, {
        action: 'notes.list',
        root: name,
        args: { prefix },
        operations: [{ operation: 'note.list', path: prefix }],
        effect: async () => {
          const root = await rootFor(ports, c.get('principal'), name, 'list_files');
          const notes = root.listNotes().filter(({ path }) => path.startsWith(prefix));
          return pageFrom(notes, wanted, ({ path }) => path);
        },
      });
      const items = page.items.map(({ path, sizeBytes, modifiedAtMs }) => ({
        path,
        sizeBytes,
        modifiedAt: new Date(modifiedAtMs).toISOString(),
      }));
      return c.json({ ...page, items }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/notes/content',
      summary: 'One note',
      ...read,
      request: { query: z.object({ root: rootName, path: z.string().min(1).max(1000) }) },
      responses: answers(contentSchema, 'Its text as it is on the disk; the ETag is its version'),
    }),
    async (c) => {
      const { root: name, path } = c.req.valid('query');
      const { modifiedAtMs, ...note } = await audited(c, ports, {
        action: 'notes.read',
        root: name,
        operations: [{ operation: 'note.read', path }],
        effect: async () => (await rootFor(ports, c.get('principal'), name, 'fetch')).readNote(path),
      });
      c.header('etag', `"${note.version}"`);
      return c.json({ ...note, modifiedAt: new Date(modifiedAtMs).toISOString() }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/notes/search',
      summary: 'Search the notes',
      ...read,
      request: {
        query: z.object({
          root: rootName,
          q: z.string().min(1).max(1000),
          limit: z.coerce.number().int().min(1).max(MAX_HITS).default(20),
        }),
      },
      responses: answers(hitsSchema, 'Best first'),
    }),
    async (c) => {
      const { root: name, q, limit } = c.req.valid('query');
      const items = await audited(c, ports, {
        action: 'notes.search',
        root: name,
        args: { q },
        operations: [{ operation: 'note.search' }],
        effect: async () => (await rootFor(ports, c.get('principal'), name, 'search')).search(q, limit),
      });
      return c.json({ items, nextCursor: null }, 200);
    },
  );
  return app;
}

/** As the paths of the key let it be seen, and only where its list of tools has the `tool` that shows the same. A root of others is for who could make a key for it anyway: the owner of the socket, or admin:write. */
async function rootFor(ports: AdminPorts, principal: Principal, name: string, tool: string): Promise<MemoryRoot> {
  const elsewhere = toolRefusal(principal, tool);
  if (elsewhere !== null) throw elsewhere;
  if (name !== principal.root && !principal.scopes.has('admin:write')) {
    throw new AppError('FORBIDDEN', `This key may read the notes of ${principal.root} only`, {
      hint: 'Use a key of that root, or one with admin:write',
    });
  }
  const root = (await ports.roots()).find((candidate) => candidate.name === name);
  if (root !== undefined) return root.scopedTo(principal.policy ?? {});
  throw new AppError('NOT_FOUND', `There is no memory root "${name}"`, { hint: 'See "mem-agent roots list"' });
}
