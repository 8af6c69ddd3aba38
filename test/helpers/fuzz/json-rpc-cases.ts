// Cases for /mcp: broken JSON, wrong envelopes, hostile arguments for every tool that is listed, wrong headers and paths.
import fc from 'fast-check';
import type { FuzzCase } from './fuzz-client.ts';
import { brokenJson, hostileJson, hostileString } from './hostile-values.ts';
import { fromSchema, type JsonSchema } from './schema-arbitrary.ts';

export interface ListedTool {
  name: string;
  inputSchema: JsonSchema;
}

const LONG_TOOL = 'use_memory_agent';
const METHODS = [
  'initialize',
  'ping',
  'server/discover',
  'tools/list',
  'tools/call',
  'resources/list',
  'resources/read',
  'resources/templates/list',
  'resources/subscribe',
  'prompts/list',
  'prompts/get',
  'completion/complete',
  'logging/setLevel',
  'notifications/initialized',
  'notifications/cancelled',
  'subscriptions/listen',
  'sampling/createMessage',
  'rpc.discover',
];
const VERSIONS = [
  '2026-07-28',
  '2025-11-25',
  '2025-06-18',
  '2025-03-26',
  '2024-11-05',
  '1999-01-01',
  '',
  'x'.repeat(300),
];

const MODERN_META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': { name: 'fuzz', version: '1' },
};
const meta = fc.oneof(fc.constant(MODERN_META), fc.record({ progressToken: hostileJson }), hostileJson);
const id = fc.oneof({ arbitrary: fc.integer({ min: 0, max: 9 }), weight: 4 }, { arbitrary: hostileJson, weight: 1 });

/** `questions` is how many of a thousand tool calls may be a question to the agent, which costs a run each. */
export function jsonRpcCase(
  tools: readonly ListedTool[],
  keys: readonly string[],
  questions: number,
): fc.Arbitrary<FuzzCase> {
  const quick = tools.filter(({ name }) => name !== LONG_TOOL);
  const asking = tools.filter(({ name }) => name === LONG_TOOL);
  const callOf = (tool: ListedTool): fc.Arbitrary<Record<string, unknown>> =>
    fc.record(
      { name: fc.constant<unknown>(tool.name), arguments: fromSchema(tool.inputSchema), _meta: meta },
      { requiredKeys: ['name', 'arguments'] },
    );
  const call = fc.oneof(
    { arbitrary: fc.oneof(...quick.map(callOf)), weight: 1000 - questions },
    { arbitrary: fc.oneof(...(asking.length > 0 ? asking : quick).map(callOf)), weight: questions },
  );
  const named = fc.record(
    {
      uri: hostileString,
      name: hostileJson,
      cursor: hostileJson,
      arguments: hostileJson,
      protocolVersion: fc.constantFrom(...VERSIONS),
      capabilities: hostileJson,
      clientInfo: hostileJson,
      requestId: hostileJson,
      _meta: meta,
    },
    { requiredKeys: [] },
  );
  const message = fc.oneof(
    { arbitrary: envelope(fc.constant('tools/call'), call), weight: 5 },
    { arbitrary: envelope(fc.constantFrom(...METHODS.filter((name) => name !== 'tools/call')), named), weight: 3 },
    { arbitrary: envelope(hostileString, fc.oneof(named, hostileJson)), weight: 1 },
  );
  const text = message.map((body) => JSON.stringify(body));
  const body = fc.oneof(
    { arbitrary: text, weight: 6 },
    { arbitrary: brokenJson(text), weight: 3 },
    { arbitrary: fc.array(message, { maxLength: 3 }).map((batch) => JSON.stringify(batch)), weight: 1 },
  );
  const modern = fc
    .tuple(envelope(fc.constant('tools/call'), modernCall(call)), headersWith(keys))
    .map(([message, headers]): FuzzCase => ({
      method: 'POST',
      path: '/mcp',
      headers: {
        ...headers,
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': toolNameOf(message),
      },
      body: JSON.stringify(message),
      isLong: toolNameOf(message) === LONG_TOOL,
    }));
  const usual = fc.tuple(body, headersWith(keys)).map(([text, headers]): FuzzCase => ({
    method: 'POST',
    path: '/mcp',
    headers,
    body: text,
    isStream: text.includes('subscriptions/listen'),
    isLong: text.includes(LONG_TOOL),
  }));
  return fc.oneof(
    { arbitrary: usual, weight: 12 },
    { arbitrary: modern, weight: 8 },
    { arbitrary: strangeRequest(body, headersWith(keys)), weight: 2 },
    { arbitrary: rawRequest(keys), weight: 1 },
  );
}

function modernCall(call: fc.Arbitrary<Record<string, unknown>>): fc.Arbitrary<Record<string, unknown>> {
  return call.map((params) => ({ ...params, _meta: MODERN_META }));
}

function toolNameOf(message: Record<string, unknown>): string {
  return (message['params'] as { name?: string } | undefined)?.name ?? '';
}

function envelope(method: fc.Arbitrary<string>, params: fc.Arbitrary<unknown>): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(
    {
      jsonrpc: fc.oneof({ arbitrary: fc.constant<unknown>('2.0'), weight: 9 }, { arbitrary: hostileJson, weight: 1 }),
      id,
      method: fc.oneof(
        { arbitrary: method.map<unknown>((name) => name), weight: 12 },
        { arbitrary: hostileJson, weight: 1 },
      ),
      params,
    },
    { requiredKeys: ['jsonrpc', 'method'] },
  );
}

/** A header may hold these only; the parser refuses others, which `rawRequest` is for. */
const headerValue = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
  maxLength: 60,
});

function headersWith(keys: readonly string[]): fc.Arbitrary<Record<string, string>> {
  const mostly = (usual: string, ...others: string[]): fc.Arbitrary<string> =>
    fc.oneof(
      { arbitrary: fc.constant(usual), weight: 12 },
      { arbitrary: fc.constantFrom(usual, ...others), weight: 2 },
      { arbitrary: headerValue, weight: 1 },
    );
  const authorization = fc.oneof(
    { arbitrary: fc.constantFrom(...keys).map((key) => `Bearer ${key}`), weight: 30 },
    {
      arbitrary: fc.constantFrom('Bearer', 'Basic YTpi', 'Bearer a,b', `bearer mema_client_${'0'.repeat(49)}`),
      weight: 1,
    },
    { arbitrary: headerValue, weight: 1 },
  );
  const needed = fc.record({
    authorization,
    'content-type': mostly('application/json', 'text/plain', 'application/json; charset=utf-16', 'multipart/form-data'),
    accept: mostly('application/json, text/event-stream', 'text/html', '*/*', 'application/json;q=0'),
  });
  const values: Record<string, fc.Arbitrary<string>> = {
    origin: fc.constantFrom('https://evil.example', 'null', 'http://localhost', ''),
    'x-forwarded-for': fc.constantFrom('127.0.0.1', '10.0.0.1, 127.0.0.1', 'x', '::1'),
    'content-encoding': fc.constantFrom('gzip', 'identity', 'br'),
    expect: fc.constantFrom('wonders', '100-continue'),
    'mcp-protocol-version': fc.constantFrom(...VERSIONS),
    'mcp-method': mostly('tools/call', 'tools/list'),
    'mcp-name': headerValue,
    'mcp-session-id': headerValue,
    'last-event-id': headerValue,
    'if-none-match': headerValue,
    cookie: headerValue,
  };
  const one = fc.oneof(
    ...Object.entries(values).map(([name, value]) => value.map((text): [string, string] => [name, text])),
  );
  const some = fc.array(one, { maxLength: 3 }).map((entries): Record<string, string> => Object.fromEntries(entries));
  const revision: fc.Arbitrary<Record<string, string>> = fc.constantFrom(
    { 'mcp-protocol-version': '2025-06-18' },
    { 'mcp-protocol-version': '2026-07-28' },
    {},
  );
  const none: Record<string, string> = {};
  return fc
    .tuple(needed, revision, fc.oneof({ arbitrary: fc.constant(none), weight: 3 }, { arbitrary: some, weight: 1 }))
    .map(([needed, revision, some]) => ({ ...needed, ...revision, ...some }));
}

function strangeRequest(
  body: fc.Arbitrary<string>,
  headers: fc.Arbitrary<Record<string, string>>,
): fc.Arbitrary<FuzzCase> {
  const path = fc.oneof(
    fc.constantFrom(
      '/mcp',
      '/mcp/',
      '/MCP',
      '/mcp?x=1',
      '/mcp/../mcp',
      '//mcp',
      '/%6dcp',
      '/health',
      '/.well-known/oauth-protected-resource',
      '/admin/v1/keys',
      '/metrics',
    ),
    hostileString.map((text) => `/${encodeURIComponent(text.toWellFormed())}`),
  );
  const method = fc.constantFrom(
    'GET',
    'HEAD',
    'PUT',
    'DELETE',
    'OPTIONS',
    'PATCH',
    'TRACE',
    'PROPFIND',
    'QUERY',
    'POST',
  );
  return fc
    .tuple(method, path, headers, fc.option(body, { nil: undefined }))
    .map(([method, path, headers, text]): FuzzCase => ({
      method,
      path,
      headers,
      body: text,
      isLong: text?.includes(LONG_TOOL) ?? false,
    }));
}

/** Not what a client library would send; always closed, so that the answer has an end. */
function rawRequest(keys: readonly string[]): fc.Arbitrary<FuzzCase> {
  const line = fc.oneof(
    fc.constantFrom(
      'POST /mcp HTTP/1.1',
      'POST /mcp HTTP/1.0',
      'POST http://evil/mcp HTTP/1.1',
      'GET * HTTP/1.1',
      'POST mcp HTTP/1.1',
      'FOO /mcp HTTP/1.1',
      'POST /mcp HTTP/9.9',
      'PRI * HTTP/2.0',
    ),
    hostileString.map((text) => `POST /${text} HTTP/1.1`),
  );
  const header = fc.oneof(
    fc.constantFrom(
      'Host: 127.0.0.1',
      'Host: evil',
      'Content-Length: 2',
      'Content-Length: -1',
      'Content-Length: 1e3',
      'Transfer-Encoding: chunked',
      'Transfer-Encoding: gzip',
      'X y: 1',
      ': 1',
      `X: ${'a'.repeat(20_000)}`,
      'Content-Type: application/json',
    ),
    hostileString.map((text) => `X: ${text}`),
  );
  const text = fc
    .tuple(line, fc.array(header, { maxLength: 5 }), fc.constantFrom(...keys), hostileString)
    .map(([line, headers, key, body]) =>
      [line, ...headers, `Authorization: Bearer ${key}`, 'Connection: close', '', body].join('\r\n'),
    );
  return text.map((raw) => ({ method: 'RAW', path: '', headers: {}, raw: `${raw}\r\n\r\n` }));
}
