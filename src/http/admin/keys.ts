// /keys: list, create, change, revoke and rotate API keys. A key's secret is in the answer that makes it and nowhere else.
import { createRoute, z } from '@hono/zod-openapi';
import { KEY_KINDS } from '../../auth/api-key.ts';
import type { KeyChange } from '../../auth/key-request.ts';
import { policySchema } from '../../auth/policy.ts';
import { SCOPES } from '../../auth/principal.ts';
import type { CreatedKey, KeyInfo } from '../../auth/open-key-store.ts';
import { parseDuration } from '../../lib/duration.ts';
import { answers, createAdminRouter, isoTime, requireScope, toIso, type AdminApp } from './admin-route.ts';
import type { AdminPorts } from './admin-ports.ts';
import { audited } from './audited.ts';
import { refuseUnknownNames } from './known-names.ts';

const keyFields = {
  id: z.string(),
  name: z.string(),
  kind: z.enum(['client', 'admin']),
  scopes: z.array(z.enum(SCOPES)),
  root: z.string(),
  state: z.enum(['active', 'expired', 'revoked', 'unusable']),
  createdAt: isoTime,
  expiresAt: isoTime.nullable(),
  revokedAt: isoTime.nullable(),
  lastUsedAt: isoTime.nullable(),
  rotatedFrom: z.string().nullable(),
  cloudConsent: z.boolean(),
  cloudBudgetUsdPerMonth: z.number(),
  policy: policySchema,
};
const keySchema = z.object(keyFields).openapi('Key');
const createdKeySchema = z.object({ ...keyFields, key: z.string() }).openapi('CreatedKey');
const grantFields = {
  /** Whether questions asked with it may go to a cloud model. */
  cloudConsent: z.boolean().optional(),
  cloudBudgetUsdPerMonth: z.number().optional(),
  /** What it may do beyond its scopes; in a change it replaces the one before as a whole. */
  policy: policySchema.optional(),
};
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
    kind: z.enum(KEY_KINDS).optional(),
    /** Left out: what a key of this kind usually has. */
    scopes: z.array(z.enum(SCOPES)).min(1).optional(),
    root: z.string().min(1).max(64).default('default'),
    expires: duration.optional(),
    ...grantFields,
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
      const { name, scopes, root, expires, kind: askedKind, ...rest } = c.req.valid('json');
      const grants = present(rest);
      const kind = askedKind ?? (scopes?.some((scope) => scope.startsWith('admin:')) === true ? 'admin' : 'client');
      const expiresAtMs = expires === undefined ? undefined : ports.clock.nowMs() + parseDuration(expires);
      const created = await audited(c, ports, {
        action: 'key.create',
        args: { name, kind, scopes, root, expires, ...grants },
        effect: () => {
          refuseUnknownNames({ root, policy: grants.policy }, ports);
          return ports.keys.create({
            name,
            kind,
            root,
            ...grants,
            ...(scopes === undefined ? {} : { scopes }),
            ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
          });
        },
        undo: (key) => ports.keys.revoke(key.id),
      });
      return c.json(publicCreatedKey(created), 200);
    },
  );

  const params = z.object({ id: z.string().min(1).max(64) });
  const changeBody = z
    .object({
      name: z.string().trim().min(1).max(100).optional(),
      scopes: z.array(z.enum(SCOPES)).min(1).optional(),
      root: z.string().min(1).max(64).optional(),
      /** From now on; null for a key without an end. */
      expires: duration.nullable().optional(),
      ...grantFields,
    })
    .refine((change) => Object.keys(present(change)).length > 0, 'name what is to change');
  app.openapi(
    createRoute({
      method: 'patch',
      path: '/keys/{id}',
      middleware: write,
      request: { params, body: { required: true, content: { 'application/json': { schema: changeBody } } } },
      responses: answers(keySchema, 'The key as it is from the next request on'),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const asked = present(c.req.valid('json'));
      const { expires, ...others } = asked;
      const wanted: KeyChange = { ...others, ...(expires !== undefined && { expiresAtMs: endOf(expires, ports) }) };
      const before = ports.keys.list().find((key) => key.id === id);
      const changed = await audited(c, ports, {
        action: 'key.change',
        args: { id, ...asked },
        effect: () => {
          refuseUnknownNames(wanted, ports);
          return ports.keys.change(id, wanted);
        },
        undo: async () => {
          if (before !== undefined) await ports.keys.change(id, before);
        },
      });
      return c.json(publicKey(changed), 200);
    },
  );

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
        effect: () => ports.keys.revoke(id),
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
        effect: () => ports.keys.rotate(id, { overlapMs }),
        undo: (key) => ports.keys.revoke(key.id),
      });
      return c.json(publicCreatedKey(created), 200);
    },
  );
  return app;
}

function publicKey(key: KeyInfo): z.infer<typeof keySchema> {
  return {
    id: key.id,
    name: key.name,
    kind: key.kind,
    scopes: [...key.scopes],
    root: key.root,
    state: key.state,
    createdAt: new Date(key.createdAtMs).toISOString(),
    expiresAt: toIso(key.expiresAtMs),
    revokedAt: toIso(key.revokedAtMs),
    lastUsedAt: toIso(key.lastUsedAtMs),
    rotatedFrom: key.rotatedFrom,
    cloudConsent: key.cloudConsent,
    cloudBudgetUsdPerMonth: key.cloudBudgetUsdPerMonth,
    policy: key.policy,
  };
}

type Present<T> = { [Field in keyof T]?: Exclude<T[Field], undefined> };

/** What was named, without the fields that zod leaves undefined. */
function present<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>;
}

function endOf(expires: string | null, ports: AdminPorts): number | null {
  return expires === null ? null : ports.clock.nowMs() + parseDuration(expires);
}

function publicCreatedKey(created: CreatedKey): z.infer<typeof createdKeySchema> {
  return { ...publicKey(created), key: created.key };
}
