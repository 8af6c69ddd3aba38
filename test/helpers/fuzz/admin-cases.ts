// Cases for the admin API, out of its own openapi.json: every route with right and wrong parameters, bodies and headers.
import fc from 'fast-check';
import type { FuzzCase } from './fuzz-client.ts';
import { brokenJson, hostileString } from './hostile-values.ts';
import { fromSchema, type JsonSchema } from './schema-arbitrary.ts';

interface Operation {
  parameters?: { name: string; in: string; required?: boolean; schema?: JsonSchema }[];
  requestBody?: { content?: Record<string, { schema?: JsonSchema }> };
}

export interface OpenApi {
  paths: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, JsonSchema> };
}

export interface AdminCallers {
  /** May all. */
  admin: string;
  /** May only read. */
  reader: string;
  /** May nothing here. */
  client: string;
  /** Keys that may be changed and revoked; none of the three above. */
  victims: readonly string[];
}

const BASE = '/admin/v1';
/** They stay open by design. */
const STREAMS = /\/(leases|events)$|[?&]follow=|\/export$/;
/** They read the whole audit, which grows with every case. */
const COSTLY = /^\/audit\/(verify|export)$/;
/** They end the daemon when they are allowed; so they are only sent by who may not. */
export const ENDING = new Set(['POST /drain']);

export function routesOf(api: OpenApi): string[] {
  return Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
}

export function adminCase(api: OpenApi, callers: AdminCallers): fc.Arbitrary<FuzzCase> {
  const definitions = api.components?.schemas ?? {};
  const listed = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      arbitrary: routeCase(path, method.toUpperCase(), operation, definitions, callers),
      weight: COSTLY.test(path) ? 1 : 8,
    })),
  );
  return fc.oneof(
    { arbitrary: fc.oneof(...listed), weight: 15 },
    { arbitrary: strangeCase(Object.keys(api.paths), callers), weight: 1 },
  );
}

function routeCase(
  path: string,
  method: string,
  { parameters = [], requestBody }: Operation,
  definitions: Record<string, JsonSchema>,
  callers: AdminCallers,
): fc.Arbitrary<FuzzCase> {
  const schema = requestBody?.content?.['application/json']?.schema;
  const text = schema === undefined ? undefined : fromSchema(schema, definitions).map((value) => JSON.stringify(value));
  const body =
    text === undefined
      ? fc.option(hostileString, { nil: undefined, freq: 10 })
      : fc.oneof({ arbitrary: text, weight: 4 }, { arbitrary: brokenJson(text), weight: 1 });
  const inPath = Object.fromEntries(
    parameters
      .filter((parameter) => parameter.in === 'path')
      .map(({ name }) => [name, fc.oneof(fc.constantFrom(...callers.victims), hostileString)]),
  );
  const inQuery = Object.fromEntries(
    parameters
      .filter((parameter) => parameter.in === 'query')
      .map(({ name, schema: wanted }) => [name, fromSchema(wanted ?? {}, definitions)]),
  );
  const key = ENDING.has(`${method} ${path}`)
    ? fc.constantFrom(callers.reader, callers.client)
    : fc.oneof(
        { arbitrary: fc.constant(callers.admin), weight: 10 },
        { arbitrary: fc.constantFrom(callers.reader, callers.client, 'mema_admin_0', ''), weight: 1 },
      );
  return fc
    .tuple(fc.record(inPath), fc.record(inQuery, { requiredKeys: [] }), key, headers(), body)
    .map(([inPath, inQuery, key, others, text]): FuzzCase => {
      const target = path.replace(/\{(\w+)\}/g, (_whole, name: string) => escaped(inPath[name] ?? ''));
      const query = Object.entries(inQuery).map(([name, value]) => `${name}=${escaped(asText(value))}`);
      const fullPath = BASE + target + (query.length > 0 ? `?${query.join('&')}` : '');
      return {
        method,
        path: fullPath,
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...others },
        body: method === 'GET' ? undefined : text,
        isStream: STREAMS.test(fullPath) || STREAMS.test(path),
      };
    });
}

function headers(): fc.Arbitrary<Record<string, string>> {
  const visible = fc.string({
    unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
    maxLength: 300,
  });
  return fc
    .record(
      {
        'idempotency-key': fc.oneof(fc.constantFrom('a', 'b', 'x'.repeat(256), ''), visible),
        'if-match': fc.oneof(fc.constantFrom('*', '"x"', 'W/"x"', ','), visible),
        'if-none-match': visible,
        'content-type': fc.constantFrom(
          'application/json',
          'text/plain',
          'application/problem+json',
          '',
          'a'.repeat(300),
        ),
        accept: visible,
        origin: fc.constantFrom('https://evil.example', 'null'),
        cookie: visible,
        range: fc.constantFrom('bytes=0-1', 'x'),
        'last-event-id': visible,
      },
      { requiredKeys: [] },
    )
    .map(Object.entries<string>)
    .chain((all) =>
      // Most requests have none of them, so that they get past the guards.
      fc.oneof(
        { arbitrary: fc.constant({}), weight: 2 },
        {
          // One record in 200,000 has less than two.
          arbitrary: fc
            .subarray(all, { maxLength: Math.min(2, all.length) })
            .map((some): Record<string, string> => Object.fromEntries(some)),
          weight: 1,
        },
      ),
    );
}

/** Wrong methods, paths beside the routes, escapes that are none. */
function strangeCase(paths: readonly string[], { admin }: AdminCallers): fc.Arbitrary<FuzzCase> {
  const method = fc.constantFrom('GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND', 'QUERY');
  const path = fc
    .tuple(
      fc.constantFrom(...paths),
      fc.constantFrom('', '/', '/x', '//', '/..', '/%', '/%00', '/%ff', '?%', '?limit=1&limit=2', '#x', ';a=b'),
    )
    .map(([known, tail]) => BASE + known + tail);
  return fc.tuple(method, path).map(([method, path]) => ({
    method,
    path,
    headers: { authorization: `Bearer ${admin}` },
    isStream: STREAMS.test(path) || /\/(leases|events|export)/.test(path),
  }));
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

/** `encodeURIComponent` refuses lone surrogates; as bytes they are what a rude client sends. */
function escaped(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) =>
      /[\w.~-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`,
    )
    .join('');
}
