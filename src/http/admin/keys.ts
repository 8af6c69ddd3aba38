// /keys: list, create, change, revoke and rotate API keys. A key's secret is in the answer that makes it and nowhere else.
import { createRoute, z } from '@hono/zod-openapi';
import { KEY_KINDS } from '../../auth/api-key.ts';
import type { KeyChange } from '../../auth/key-request.ts';
import { policySchema } from '../../auth/policy.ts';
import { SCOPES } from '../../auth/principal.ts';
import type { CreatedKey, KeyInfo } from '../../auth/open-key-store.ts';
import { AppError } from '../../lib/app-error.ts';
import { parseDuration } from '../../lib/duration.ts';
import { answers, createAdminRouter, isoTime, needs, toIso, type AdminApp } from './admin-route.ts';
import type { AdminPorts } from './admin-ports.ts';
import { audited } from './audited.ts';
import { changedFields } from './changed-fields.ts';
import { createTurns, etagOf, ifMatch, requireMatch } from './etag.ts';
import { refuseUnknownNames } from './known-names.ts';
import { pageFrom, pageOf, pageQuery, timePosition, type Page } from './paging.ts';

const scope = z.enum(SCOPES).openapi('Scope');
// Made again here: what was made before the OpenAPI library was loaded can't be named in the document.
const policy = z.strictObject(policySchema.shape).openapi('Policy');
const keyFields = {
  id: z.string(),
  name: z.string(),
  kind: z.enum(['client', 'admin']),
  scopes: z.array(scope),
  root: z.string(),
  state: z.enum(['active', 'expired', 'revoked', 'unusable']),
  createdAt: isoTime,
  expiresAt: isoTime.nullable(),
  revokedAt: isoTime.nullable(),
  lastUsedAt: isoTime.nullable(),
  rotatedFrom: z.string().nullable(),
  cloudConsent: z.boolean(),
  cloudBudgetUsdPerMonth: z.number(),
  policy,
};
const keySchema = z.object(keyFields).openapi('Key');
const createdKeySchema = z.object({ ...keyFields, key: z.string() }).openapi('CreatedKey');
const grantFields = {
  /** Whether questions asked with it may go to a cloud model. */
  cloudConsent: z.boolean().optional(),
  cloudBudgetUsdPerMonth: z.number().optional(),
  /** What it may do beyond its scopes; in a change it replaces the one before as a whole. */
  policy: policy.optional(),
};
const duration = z.string().openapi({ example: '90d' });

export function createKeysRoutes(ports: AdminPorts): AdminApp {
  const app = createAdminRouter();
  const read = needs('admin:read');
  const write = needs('admin:write');
  const inTurn = createTurns();

  app.openapi(
    createRoute({
      method: 'get',
      path: '/keys',
      summary: 'API keys',
      ...read,
      request: { query: z.object(pageQuery) },
      responses: answers(
        pageOf(keySchema, 'KeyPage'),
        'All keys, revoked ones too, oldest first, without their secrets',
      ),
    }),
    async (c) => {
      const list = (): Page<KeyInfo> =>
        pageFrom(ports.keys.list(), c.req.valid('query'), ({ createdAtMs, id }) => timePosition(createdAtMs, id));
      const page = await audited(c, ports, { action: 'key.list', effect: list });
      return c.json({ ...page, items: page.items.map(publicKey) }, 200);
    },
  );

  const params = z.object({ id: z.string().min(1).max(64) });
  app.openapi(
    createRoute({
      method: 'get',
      path: '/keys/{id}',
      summary: 'One API key',
      ...read,
      request: { params },
      responses: answers(keySchema, 'The key, with the ETag that a change may name'),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const key = await audited(c, ports, { action: 'key.read', args: { id }, effect: () => findKey(ports, id) });
      c.header('etag', versionOf(key));
      return c.json(publicKey(key), 200);
    },
  );

  const createBody = z.strictObject({
    name: z.string().trim().min(1).max(100).openapi({ example: 'claude laptop' }),
    kind: z.enum(KEY_KINDS).optional(),
    /** Left out: what a key of this kind usually has. */
    scopes: z.array(scope).min(1).optional(),
    root: z.string().min(1).max(64).default('default'),
    expires: duration.optional(),
    ...grantFields,
  });
  app.openapi(
    createRoute({
      method: 'post',
      path: '/keys',
      summary: 'Make an API key',
      ...write,
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
        change: (key) => ({ operation: 'key.create', path: key.id, ...changedFields({}, grantsOf(key)) }),
        undo: (key) => ports.keys.revoke(key.id),
      });
      return c.json(publicCreatedKey(created), 200);
    },
  );

  const changeBody = z
    .strictObject({
      name: z.string().trim().min(1).max(100).optional(),
      scopes: z.array(scope).min(1).optional(),
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
      summary: 'Change an API key',
      ...write,
      request: {
        params,
        headers: ifMatch,
        body: { required: true, content: { 'application/json': { schema: changeBody } } },
      },
      responses: answers(
        keySchema,
        'The key as it is from the next request on; what it has open with other rights ends within two seconds',
      ),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const asked = present(c.req.valid('json'));
      const { expires, ...others } = asked;
      const wanted: KeyChange = { ...others, ...(expires !== undefined && { expiresAtMs: endOf(expires, ports) }) };
      const { after } = await audited(c, ports, {
        action: 'key.change',
        args: { id, ...asked },
        effect: () =>
          inTurn(async () => {
            const before = findKey(ports, id);
            requireMatch(c, versionOf(before));
            refuseUnknownNames(wanted, ports);
            return { before, after: await ports.keys.change(id, wanted) };
          }),
        change: ({ before, after: key }) => ({
          operation: 'key.change',
          path: id,
          ...changedFields(grantsOf(before), grantsOf(key)),
        }),
        undo: ({ before }) => ports.keys.change(id, before),
      });
      c.header('etag', versionOf(after));
      return c.json(publicKey(after), 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'delete',
      path: '/keys/{id}',
      summary: 'Revoke an API key',
      ...write,
      request: { params, headers: ifMatch },
      responses: answers(
        keySchema,
        'The key, revoked from the next request on; what it has open ends within two seconds',
      ),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const revoked = await audited(c, ports, {
        action: 'key.revoke',
        args: { id },
        effect: () =>
          inTurn(() => {
            requireMatch(c, versionOf(findKey(ports, id)));
            return ports.keys.revoke(id);
          }),
        change: () => ({ operation: 'key.revoke', path: id, after: 'revoked' }),
      });
      c.header('etag', versionOf(revoked));
      return c.json(publicKey(revoked), 200);
    },
  );

  const rotateBody = z.strictObject({ overlap: duration.default('24h') });
  app.openapi(
    createRoute({
      method: 'post',
      path: '/keys/{id}/rotate',
      summary: 'Replace an API key',
      ...write,
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
        effect: () =>
          inTurn(async () => ({ before: findKey(ports, id), key: await ports.keys.rotate(id, { overlapMs }) })),
        change: ({ key }) => ({ operation: 'key.rotate', path: id, before: id, after: key.id }),
        async undo({ before, key }) {
          await ports.keys.revoke(key.id);
          // Its end was brought forward: without this nobody would have a key that works.
          await ports.keys.change(id, { expiresAtMs: before.expiresAtMs });
        },
      });
      return c.json(publicCreatedKey(created.key), 200);
    },
  );
  return app;
}

function findKey(ports: AdminPorts, id: string): KeyInfo {
  const key = ports.keys.list().find((candidate) => candidate.id === id);
  if (key !== undefined) return key;
  throw new AppError('NOT_FOUND', `There is no key ${id}`, { hint: 'See "mem-agent keys list" for the ids' });
}

/** What a key is granted, without what happens to it: its use changes no version. */
function grantsOf(key: KeyInfo): object {
  const { name, kind, scopes, root, expiresAtMs, revokedAtMs, cloudConsent, cloudBudgetUsdPerMonth, policy } = key;
  return {
    name,
    kind,
    scopes,
    root,
    expiresAt: toIso(expiresAtMs),
    revokedAt: toIso(revokedAtMs),
    cloudConsent,
    cloudBudgetUsdPerMonth,
    policy,
  };
}

function versionOf(key: KeyInfo): string {
  return etagOf(grantsOf(key));
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
