// /filters: the operator's two files of rules: `answer`, what the agent must not tell, and `privacy`, what must not reach a cloud
// model. Guarantees: a rule that is wrong is refused with its line and nothing is written; the texts are in no audit record.
import { createRoute, z } from '@hono/zod-openapi';
import { answers, createAdminRouter, needs, type AdminApp } from './admin-route.ts';
import { FILTER_KINDS, type AdminPorts, type FilterFile } from './admin-ports.ts';
import { audited } from './audited.ts';
import { createTurns, etagOf, ifMatch, requireMatch } from './etag.ts';

const kind = z.enum(FILTER_KINDS);
const filterSchema = z
  .object({
    kind,
    file: z.string().nullable().openapi({ description: 'Where it is or will be; null: none is configured' }),
    text: z.string().openapi({ example: 'refuse /iban/i', description: 'Empty where it cannot be read' }),
    problem: z
      .object({ detail: z.string(), hint: z.string() })
      .nullable()
      .openapi({ description: 'What is wrong with the file, what that means now, and the fix' }),
  })
  .openapi('Filter');
const filtersSchema = z.object({ items: z.array(filterSchema), nextCursor: z.null() }).openapi('Filters');
const params = z.object({ kind });

export function createFiltersRoutes(ports: AdminPorts): AdminApp {
  const app = createAdminRouter();
  const inTurn = createTurns();
  const read = needs('admin:read');

  app.openapi(
    createRoute({
      method: 'get',
      path: '/filters',
      summary: 'Rules of what is not told and what does not leave',
      ...read,
      responses: answers(filtersSchema, 'Both files'),
    }),
    async (c) => {
      const items = await audited(c, ports, {
        action: 'filters.read',
        effect: () => FILTER_KINDS.map((name) => publicFilter(name, ports.filters.read(name))),
      });
      return c.json({ items, nextCursor: null }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/filters/{kind}',
      summary: 'One file of rules',
      ...read,
      request: { params },
      responses: answers(filterSchema, 'Its text, with the ETag that a change may name'),
    }),
    async (c) => {
      const { kind: name } = c.req.valid('param');
      const filter = await audited(c, ports, {
        action: 'filters.read',
        args: { kind: name },
        effect: () => publicFilter(name, ports.filters.read(name)),
      });
      c.header('etag', etagOf(filter));
      return c.json(filter, 200);
    },
  );

  const body = z.strictObject({ text: z.string().max(256 * 1024) });
  app.openapi(
    createRoute({
      method: 'put',
      path: '/filters/{kind}',
      summary: 'Replace a file of rules',
      ...needs('admin:write'),
      request: {
        params,
        headers: ifMatch,
        body: { required: true, content: { 'application/json': { schema: body } } },
      },
      responses: answers(filterSchema, 'The rules as they are from the next question on'),
    }),
    async (c) => {
      const { kind: name } = c.req.valid('param');
      const { text } = c.req.valid('json');
      const { after } = await audited(c, ports, {
        action: 'filters.change',
        args: { kind: name },
        effect: () =>
          inTurn(async () => {
            const before = publicFilter(name, ports.filters.read(name));
            requireMatch(c, etagOf(before));
            await ports.filters.write(name, text);
            return { before, after: publicFilter(name, ports.filters.read(name)) };
          }),
        change: ({ before, after: now }) => ({
          operation: 'filters.change',
          path: name,
          before: etagOf(before),
          after: etagOf(now),
        }),
        // What could not be read, or not be written like that, cannot be put back: no rules at all would be worse.
        undo: async ({ before }) => (before.problem === null ? ports.filters.write(name, before.text) : undefined),
      });
      c.header('etag', etagOf(after));
      return c.json(after, 200);
    },
  );
  return app;
}

function publicFilter(
  name: (typeof FILTER_KINDS)[number],
  { file, text, problem }: FilterFile,
): z.infer<typeof filterSchema> {
  return { kind: name, file, text, problem };
}
