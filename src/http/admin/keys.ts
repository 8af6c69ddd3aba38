// /keys: list, create, revoke and rotate API keys. A key's secret is in the answer that makes it and nowhere else.
import { createRoute, z } from '@hono/zod-openapi';
import { SCOPES } from '../../auth/principal.ts';
import { AppError } from '../../lib/app-error.ts';
import { parseDuration } from '../../lib/duration.ts';
import { answers, createAdminRouter, isoTime, requireScope, toIso, type AdminApp } from './admin-route.ts';
import type { AdminPorts, CreatedKey, KeyView } from './admin-ports.ts';
import { audited } from './audited.ts';

const keyFields = {
  id: z.string(),
  name: z.string(),
  kind: z.enum(['client', 'admin']),
  scopes: z.array(z.enum(SCOPES)),
  root: z.string(),
  createdAt: isoTime.nullable(),
  expiresAt: isoTime.nullable(),
  revokedAt: isoTime.nullable(),
  lastUsedAt: isoTime.nullable(),
  rotatedFrom: z.string().nullable(),
};
const keySchema = z.object(keyFields).openapi('Key');
const createdKeySchema = z.object({ ...keyFields, key: z.string() }).openapi('CreatedKey');
const duration = z.string().openapi({ example: '90d' });

export function createKeysRoutes(ports: AdminPorts): AdminApp {
  const app = createAdminRouter();
  const read = requireScope('admin:read');
  const write = requireScope('admin:write');

  app.openapi(
    createRoute({
      method: 'get',
      path: '/keys',
      middleware: read,
      responses: answers(z.array(keySchema), 'All keys, without their secrets'),
    }),
    async (c) =>
      c.json(await audited(c, ports, { action: 'key.list', effect: () => ports.keys.list().map(publicKey) }), 200),
  );

  const createBody = z.object({
    name: z.string().trim().min(1).max(100),
    scopes: z.array(z.enum(SCOPES)).min(1),
    root: z.string().min(1).max(64).default('default'),
    expires: duration.optional(),
  });
  app.openapi(
    createRoute({
      method: 'post',
      path: '/keys',
      middleware: write,
      request: { body: { required: true, content: { 'application/json': { schema: createBody } } } },
      responses: answers(createdKeySchema, 'The new key; its secret is shown this once'),
    }),
    async (c) => {
      const { name, scopes, root, expires } = c.req.valid('json');
      const expiresMs = expires === undefined ? null : ports.clock.nowMs() + parseDuration(expires);
      const created = await audited(c, ports, {
        action: 'key.create',
        args: { name, scopes, root, expires },
        effect: () => ports.keys.create({ name, scopes: [...new Set(scopes)], root, expiresMs }),
        undo: (key) => void ports.keys.revoke(key.id),
      });
      return c.json(publicCreatedKey(created), 200);
    },
  );

  const params = z.object({ id: z.string().min(1).max(64) });
  app.openapi(
    createRoute({
      method: 'delete',
      path: '/keys/{id}',
      middleware: write,
      request: { params },
      responses: answers(keySchema, 'The key, revoked from the next request on'),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const revoked = await audited(c, ports, {
        action: 'key.revoke',
        args: { id },
        effect: () => ports.keys.revoke(existing(ports, id).id),
      });
      return c.json(publicKey(revoked), 200);
    },
  );

  const rotateBody = z.object({ overlap: duration.default('24h') });
  app.openapi(
    createRoute({
      method: 'post',
      path: '/keys/{id}/rotate',
      middleware: write,
      request: { params, body: { required: true, content: { 'application/json': { schema: rotateBody } } } },
      responses: answers(createdKeySchema, 'The successor; the old key works until the overlap ends'),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const overlap = c.req.valid('json').overlap;
      const overlapMs = overlap === '0' ? 0 : parseDuration(overlap);
      const created = await audited(c, ports, {
        action: 'key.rotate',
        args: { id, overlap },
        effect: () => ports.keys.rotate(existing(ports, id).id, overlapMs),
        undo: (key) => void ports.keys.revoke(key.id),
      });
      return c.json(publicCreatedKey(created), 200);
    },
  );
  return app;
}

/** The store's own NOT_FOUND would do; this one names the command that lists what there is. */
function existing(ports: AdminPorts, id: string): KeyView {
  const key = ports.keys.list().find((candidate) => candidate.id === id);
  if (key !== undefined) return key;
  throw new AppError('NOT_FOUND', `There is no key ${id}`, { hint: 'List them with: mem-agent keys list' });
}

function publicKey(key: KeyView): z.infer<typeof keySchema> {
  return {
    id: key.id,
    name: key.name,
    kind: key.kind,
    scopes: [...key.scopes],
    root: key.root,
    createdAt: toIso(key.createdMs),
    expiresAt: toIso(key.expiresMs),
    revokedAt: toIso(key.revokedMs),
    lastUsedAt: toIso(key.lastUsedMs),
    rotatedFrom: key.rotatedFrom,
  };
}

function publicCreatedKey(created: CreatedKey): z.infer<typeof createdKeySchema> {
  return { ...publicKey(created), key: created.key };
}
