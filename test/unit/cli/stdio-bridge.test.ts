// The bridge against a function in place of a daemon: headers, streams, cancellation, lost connections.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLineSplitter } from '../../../src/lib/json-lines.ts';
import { encodeHeader, mcpHeaders } from '../../../src/cli/mcp-headers.ts';
import { createStdioBridge, type StdioBridge } from '../../../src/cli/stdio-bridge.ts';
import { AppError } from '../../../src/lib/app-error.ts';

interface Posted {
  message: Record<string, unknown>;
  headers: Record<string, string>;
  signal: AbortSignal;
}

function bridgeWith(answer: (posted: Posted) => Response | Promise<Response>): {
  bridge: StdioBridge;
  posted: Posted[];
  written: Record<string, unknown>[];
} {
  const posted: Posted[] = [];
  const written: Record<string, unknown>[] = [];
  const bridge = createStdioBridge({
    post: async (body, headers, signal) => {
      const one = { message: JSON.parse(body) as Record<string, unknown>, headers, signal };
      posted.push(one);
      return answer(one);
    },
    write: (line) => {
      assert.ok(!line.includes('\n'), 'one message is one line');
      written.push(JSON.parse(line) as Record<string, unknown>);
    },
  });
  return { bridge, posted, written };
}

const ok = (posted: Posted, result: unknown = {}): Response =>
  Response.json({ jsonrpc: '2.0', id: posted.message['id'], result });
const send = (bridge: StdioBridge, message: object): void =>
  bridge.handleLine(JSON.stringify({ jsonrpc: '2.0', ...message }));
const sse = (...messages: unknown[]): Response =>
  new Response(messages.map((message) => `event: message\ndata: ${JSON.stringify(message)}\n\n`).join(''), {
    headers: { 'content-type': 'text/event-stream' },
  });

test('the version that initialize negotiated goes with every later message, not with initialize', async () => {
  const { bridge, posted, written } = bridgeWith((one) =>
    one.message['id'] === undefined ? new Response(null, { status: 202 }) : ok(one, { protocolVersion: '2025-06-18' }),
  );
  send(bridge, { id: 0, method: 'initialize', params: {} });
  await bridge.settled();
  send(bridge, { method: 'notifications/initialized' });
  send(bridge, { id: 'a', method: 'tools/list' });
  await bridge.settled();
  assert.deepEqual(
    posted.map((one) => one.headers['mcp-protocol-version']),
    [undefined, '2025-06-18', '2025-06-18'],
  );
  assert.ok(
    posted.every(
      (one) =>
        one.headers['mcp-method'] === undefined && one.headers['accept'] === 'application/json, text/event-stream',
    ),
  );
  assert.deepEqual(
    written.map((message) => message['id']),
    [0, 'a'],
  );
});

test('a 2026 request says version, method and name in headers, encoded where a header cannot hold it', () => {
  const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' };
  const of = (method: string, params: object): Record<string, string> =>
    mcpHeaders({ method, params: { ...params, _meta: meta } }, '2025-06-18');
  assert.deepEqual(of('tools/call', { name: 'search' }), {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': 'search',
  });
  assert.equal(of('prompts/get', { name: 'recall' })['mcp-name'], 'recall');
  assert.equal(of('tools/list', { name: 'x' })['mcp-name'], undefined);
  const uri = of('resources/read', { uri: 'memory:///entities/zürich.md' })['mcp-name'] ?? '';
  assert.equal(
    Buffer.from(/^=\?base64\?(.*)\?=$/.exec(uri)?.[1] ?? '', 'base64').toString(),
    'memory:///entities/zürich.md',
  );
  for (const odd of [' a', 'a ', 'a\nb', '\u0000', '=?base64?eA==?='])
    assert.match(encodeHeader(odd), /^=\?base64\?/, JSON.stringify(odd));
});

test('messages of a stream come out one by one, progress before the answer', async () => {
  const { bridge, written } = bridgeWith((one) =>
    sse(
      { jsonrpc: '2.0', method: 'notifications/progress', params: { progress: 1, text: 'a\nb\u2028c' } },
      { jsonrpc: '2.0', id: one.message['id'], result: { n: 1 } },
    ),
  );
  send(bridge, { id: 7, method: 'tools/call', params: { name: 'use_memory_agent' } });
  await bridge.settled();
  assert.deepEqual(
    written.map((message) => message['method'] ?? message['id']),
    ['notifications/progress', 7],
  );
});

test('requests run side by side', async () => {
  const gate = Promise.withResolvers<void>();
  const { bridge, written } = bridgeWith(async (one) => {
    if (one.message['id'] === 1) await gate.promise;
    return ok(one);
  });
  send(bridge, { id: 1, method: 'tools/call' });
  send(bridge, { id: 2, method: 'ping' });
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(
    written.map((message) => message['id']),
    [2],
  );
  gate.resolve();
  await bridge.settled();
  assert.deepEqual(
    written.map((message) => message['id']),
    [2, 1],
  );
});

test('a cancelled request is told to the daemon, its POST ends, and nothing is answered', async () => {
  const { bridge, posted, written } = bridgeWith((one) =>
    one.message['method'] === 'tools/call'
      ? new Promise<Response>((_resolve, reject) =>
          one.signal.addEventListener('abort', () => reject(new Error('aborted'))),
        )
      : new Response(null, { status: 202 }),
  );
  send(bridge, { id: 1, method: 'tools/call' });
  send(bridge, { method: 'notifications/cancelled', params: { requestId: 1 } });
  await bridge.settled();
  assert.deepEqual(
    posted.map((one) => one.message['method']),
    ['tools/call', 'notifications/cancelled'],
  );
  assert.equal(posted[0]?.signal.aborted, true);
  assert.deepEqual(written, []);
});

test('every request is answered: refusals without id, no answer, no daemon, a stream that breaks off', async () => {
  const answers: Record<string, () => Response> = {
    refused: () => Response.json({ jsonrpc: '2.0', id: null, error: { code: -32000, message: 'no' } }, { status: 403 }),
    empty: () => new Response(null, { status: 500 }),
    page: () => new Response('<html>', { headers: { 'content-type': 'text/html' }, status: 502 }),
    absent: () => {
      throw new AppError('MEMORY_UNAVAILABLE', 'No daemon', { hint: 'Start one' });
    },
    cut: () => sse({ jsonrpc: '2.0', method: 'notifications/progress', params: {} }),
  };
  const { bridge, written } = bridgeWith((one) => answers[String(one.message['id'])]?.() ?? new Response(null));
  for (const id of Object.keys(answers)) send(bridge, { id, method: 'tools/call' });
  await bridge.settled();
  const errors = new Map(
    written
      .filter((message) => 'error' in message)
      .map((message) => [message['id'], message['error'] as { message: string }]),
  );
  assert.deepEqual(new Set(errors.keys()), new Set(Object.keys(answers)));
  assert.equal(errors.get('refused')?.message, 'no');
  assert.match(errors.get('absent')?.message ?? '', /Start one/);
});

test('what is no JSON and what is a batch is refused; nothing is sent', () => {
  const { bridge, posted, written } = bridgeWith(() => new Response(null));
  bridge.handleLine('{');
  bridge.handleLine('[{"jsonrpc":"2.0","id":1,"method":"ping"}]');
  assert.deepEqual(
    written.map((message) => (message['error'] as { code: number }).code),
    [-32700, -32600],
  );
  assert.equal(posted.length, 0);
});

test('a session that the daemon forgot is opened again without the client', async () => {
  let session = 's1';
  const { bridge, posted, written } = bridgeWith((one) => {
    if (one.message['method'] === 'initialize')
      return Response.json(
        { jsonrpc: '2.0', id: one.message['id'], result: { protocolVersion: '2025-11-25' } },
        { headers: { 'mcp-session-id': session } },
      );
    return one.headers['mcp-session-id'] === session
      ? ok(one)
      : Response.json(
          { jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } },
          { status: 404 },
        );
  });
  send(bridge, { id: 1, method: 'initialize' });
  await bridge.settled();
  session = 's2';
  send(bridge, { id: 2, method: 'ping' });
  await bridge.settled();
  assert.deepEqual(
    posted.map((one) => one.message['method']),
    ['initialize', 'ping', 'initialize', 'ping'],
  );
  assert.deepEqual(
    written.map((message) => [message['id'], 'result' in message]),
    [
      [1, true],
      [2, true],
    ],
  );
});

test('after close nothing is written', async () => {
  const { bridge, written } = bridgeWith((one) => ok(one));
  send(bridge, { id: 1, method: 'ping' });
  bridge.close();
  await bridge.settled();
  assert.deepEqual(written, []);
});

test('lines are split at LF only, characters cut by a chunk stay whole', () => {
  const lines: string[] = [];
  const splitter = createLineSplitter((line) => lines.push(line));
  const bytes = Buffer.from('{"a":"é\u2028"}\r\n\n  \n{"b":1}\n{"c"');
  for (const byte of bytes) splitter.push(Buffer.from([byte]));
  splitter.end();
  assert.deepEqual(lines, ['{"a":"é\u2028"}', '{"b":1}', '{"c"']);
});
