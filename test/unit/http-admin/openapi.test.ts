// The OpenAPI document: whole, sound, and what the command line's types are made from.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createAdminApp } from '../../../src/http/admin/admin-app.ts';
import type { OpenApiDocument } from '../../../src/http/admin/openapi-document.ts';
import { ADMIN_API_TABLE, adminApiTable } from '../../helpers/write-admin-api-table.ts';
import { createFakePorts } from './fake-ports.ts';

const app = createAdminApp(createFakePorts().ports);
const document = (await (await app.request('/openapi.json')).json()) as OpenApiDocument;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    name: `${method.toUpperCase()} ${path}`,
    path,
    method,
    operation,
  })),
);

/** Every value below a document, with the path that leads to it. */
function* walk(value: unknown, at: readonly string[] = []): Generator<[readonly string[], unknown]> {
  yield [at, value];
  if (typeof value !== 'object' || value === null) return;
  for (const [key, child] of Object.entries(value)) yield* walk(child, [...at, key]);
}

test('every route that is served is described, and nothing else is', () => {
  const served = app.routes
    .filter(({ method, path }) => method !== 'ALL' && path !== '/openapi.json')
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
  assert.deepEqual(operations.map(({ name }) => name).toSorted(), [...new Set(served)].toSorted());
  assert.ok(operations.length >= 33, `${operations.length} routes`);
});

test('each says what it is for, who may call it, and how it may fail', () => {
  assert.equal(document.openapi, '3.1.0');
  assert.equal(new Set(operations.map(({ operation }) => operation.operationId)).size, operations.length);
  for (const { name, path, method, operation } of operations) {
    assert.match(operation.summary ?? '', /^[A-Z].{3,70}$/, name);
    const scopes = Object.values(operation.security?.[0] ?? {}).flat();
    // A question with more in it than a query can hold.
    const isRead = method === 'get' || name === 'POST /audit/verify';
    assert.ok(scopes.includes(isRead ? 'admin:read' : 'admin:write'), `${name} wants ${scopes.join()}`);
    for (const status of ['200', '400', '401', '403', '429', '501', '503', ...(path.includes('{') ? ['404'] : [])]) {
      assert.ok(operation.responses[status], `${name} does not say ${status}`);
    }
    for (const [status, { content = {} }] of Object.entries(operation.responses)) {
      const type =
        status === '200'
          ? /^(application\/json|application\/x-ndjson|text\/csv|text\/event-stream)$/
          : /^application\/problem\+json$/;
      assert.ok(Object.keys(content).length > 0, `${name} ${status} has no content`);
      for (const [mediaType, { schema }] of Object.entries(content)) {
        assert.match(mediaType, type, `${name} ${status}`);
        assert.notDeepEqual(schema, {}, `${name} ${status} may be anything`);
      }
    }
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path').map((one) => one.name);
    assert.deepEqual(declared, inPath, name);
    if (['put', 'patch', 'delete'].includes(method) && /^\/(keys|filters)/.test(path)) {
      assert.ok(operation.responses['412'], `${name} has no version`);
    }
  }
});

test('every reference leads somewhere, and no answer has a part of no kind', () => {
  const schemas = document.components.schemas;
  const missing: string[] = [];
  for (const [at, value] of walk(document)) {
    if (at.at(-1) === '$ref' && !(String(value).replace('#/components/schemas/', '') in schemas))
      missing.push(at.join('.'));
    const isField = at.at(-2) === 'properties';
    if (isField && JSON.stringify(value) === '{}') missing.push(`${at.join('.')} may be anything`);
  }
  assert.deepEqual(missing, []);
  for (const scheme of operations.flatMap(({ operation }) => Object.keys(operation.security?.[0] ?? {})))
    assert.ok(scheme in document.components.securitySchemes, scheme);
});

test('the types of the command line are those of the document', async () => {
  const bare = (text: string): string => text.replaceAll(/[\s;|()]+/g, '');
  assert.equal(
    bare(readFileSync(ADMIN_API_TABLE, 'utf8')),
    bare(await adminApiTable()),
    'run: node test/helpers/write-admin-api-table.ts && npm run format',
  );
});
