// What one MCP call guarantees: audited before its effect, refused as plain HTTP, errors with codes, progress that grows,
// cancellation that reaches the run.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RunError } from '../../../src/agent/run-error.ts';
import { titleOf } from '../../../src/http/mcp/tools/fetch.ts';
import { AppError } from '../../../src/lib/app-error.ts';
import { agentSays, modernCall, startHarness, type Harness } from '../../helpers/http-harness.ts';

const legacyCall = (method: string, params: object = {}, id: number | string = 1): object => ({
  jsonrpc: '2.0',
  id,
  method,
  params,
});
const asRecord = (value: unknown): Record<string, unknown> => value as Record<string, unknown>;

/** The JSON-RPC messages of an answer, streamed or not. */
async function messagesOf(response: Response): Promise<Record<string, unknown>[]> {
  const text = await response.text();
  if (!(response.headers.get('content-type') ?? '').startsWith('text/event-stream'))
    return [asRecord(JSON.parse(text))];
  return [...text.matchAll(/^data: (.+)$/gm)].map((match) => asRecord(JSON.parse(match[1] ?? '')));
}

async function callTool(
  harness: Harness,
  era: 'modern' | 'legacy',
  name: string,
  args: unknown,
): Promise<Record<string, unknown>> {
  const modern = modernCall('tools/call', { name, arguments: args });
  const response =
    era === 'modern'
      ? await harness.post(modern.body, { headers: modern.headers })
      : await harness.post(legacyCall('tools/call', { name, arguments: args }));
  assert.equal(response.status, 200);
  return asRecord((await messagesOf(response)).at(-1)?.['result']);
}

for (const era of ['modern', 'legacy'] as const) {
  describe(`${era} calls`, () => {
    test('intent and note operation are recorded before, outcome and usage after', async () => {
      await using harness = await startHarness();
      await callTool(harness, era, 'fetch', { id: 'user.md' });
      const [entry] = harness.audit;
      assert.equal(entry?.intent.action, 'tool.fetch');
      assert.equal(entry?.intent.transport, 'http');
      assert.deepEqual(entry?.operations, [{ operation: 'note.read', path: 'user.md' }]);
      assert.equal(entry?.outcome?.outcome, 'ok');
      assert.deepEqual(entry?.outcome?.usage, { tool: 'fetch', notesRead: 1 });
      assert.deepEqual(
        harness.toolCalls.map(({ tool, outcome }) => ({ tool, outcome })),
        [{ tool: 'fetch', outcome: 'ok' }],
      );
    });

    test('no place in the queue: 429 with the time to come back, before anything is audited or streamed', async () => {
      const full = new AppError('QUEUE_FULL', 'Too many', { retryAfterS: 17 });
      await using harness = await startHarness({ agentRefusal: () => full });
      const params = { name: 'use_memory_agent', arguments: { question: 'q' } };
      const modern = modernCall('tools/call', params, 'abc');
      const response =
        era === 'modern'
          ? await harness.post(modern.body, { headers: modern.headers })
          : await harness.post(legacyCall('tools/call', params, 'abc'));
      assert.deepEqual([response.status, response.headers.get('retry-after')], [429, '17']);
      const body = asRecord(await response.json());
      assert.equal(body['id'], 'abc');
      assert.equal(asRecord(asRecord(body['error'])['data'])['code'], 'QUEUE_FULL');
      assert.equal(harness.audit.length, 0);
      assert.deepEqual(
        harness.toolCalls.map(({ tool, outcome, code }) => ({ tool, outcome, code })),
        [{ tool: 'use_memory_agent', outcome: 'error', code: 'QUEUE_FULL' }],
      );
      await callTool(harness, era, 'fetch', { id: 'user.md' });
    });

    test('filled up in between: the result is an error with the seconds', async () => {
      const full = new AppError('QUEUE_FULL', 'Too many', { retryAfterS: 17 });
      await using harness = await startHarness({ ask: () => Promise.reject(full) });
      const result = await callTool(harness, era, 'use_memory_agent', { question: 'q' });
      assert.equal(result['isError'], true);
      assert.equal(asRecord(asRecord(result['_meta'])['mem-agent/error'])['retryAfterS'], 17);
    });

    test('no intent, no effect: 503 with the code, in a JSON-RPC error', async () => {
      await using harness = await startHarness();
      harness.state.auditWorks = 'no';
      const params = { name: 'create_file', arguments: { path: 'x.md', content: 'x' } };
      const modern = modernCall('tools/call', params, 'abc');
      const response =
        era === 'modern'
          ? await harness.post(modern.body, { headers: modern.headers })
          : await harness.post(legacyCall('tools/call', params, 'abc'));
      assert.equal(response.status, 503);
      const body = asRecord(await response.json());
      assert.equal(body['id'], 'abc');
      assert.equal(asRecord(asRecord(body['error'])['data'])['code'], 'AUDIT_UNAVAILABLE');
      assert.deepEqual(
        harness.root.listNotes().map((note) => note.path),
        ['entities/anna.md', 'user.md'],
      );
      const read = modernCall('resources/read', { uri: 'memory:///user.md' });
      assert.equal((await harness.post(read.body, { headers: read.headers })).status, 503);
    });

    test('an audit that fails after the intent stops the write and says so', async () => {
      await using harness = await startHarness();
      harness.state.auditWorks = 'intent-only';
      const result = await callTool(harness, era, 'create_file', { path: 'x.md', content: 'x' });
      assert.equal(result['isError'], true);
      assert.equal(asRecord(asRecord(result['_meta'])['mem-agent/error'])['code'], 'AUDIT_UNAVAILABLE');
      assert.equal(harness.root.listNotes().length, 2);
    });

    test('wrong arguments are a tool error that names the field, and nothing is audited', async () => {
      await using harness = await startHarness();
      for (const [args, field] of [
        [{ id: 5 }, 'id'],
        [{}, 'id'],
        [{ id: 'user.md', expectedVersion: 'x' }, 'expectedVersion'],
      ] as const) {
        const result = await callTool(harness, era, 'fetch', args);
        assert.equal(result['isError'], true);
        const [content] = result['content'] as { text: string }[];
        assert.match(content?.text ?? '', new RegExp(`^INVALID_INPUT: .*${field}`));
      }
      assert.equal(harness.audit.length, 0);
    });

    test('a failed tool keeps its code; an unknown failure tells nothing of its inside', async () => {
      await using harness = await startHarness({
        ask: ({ question }) =>
          Promise.reject(
            question === 'model'
              ? new AppError('MODEL_UNAVAILABLE', 'No model answers', { hint: 'Start it' })
              : new Error('secret /etc/x'),
          ),
      });
      const known = await callTool(harness, era, 'use_memory_agent', { question: 'model' });
      assert.match(JSON.stringify(known['content']), /MODEL_UNAVAILABLE: No model answers\. Start it/);
      const unknown = await callTool(harness, era, 'use_memory_agent', { question: 'bug' });
      assert.match(JSON.stringify(unknown), /INTERNAL/);
      assert.doesNotMatch(JSON.stringify(unknown), /secret/);
      assert.deepEqual(
        harness.audit.map((entry) => entry.outcome?.code),
        ['MODEL_UNAVAILABLE', 'INTERNAL'],
      );
    });

    test('progress strictly increases', async () => {
      await using harness = await startHarness({
        ask: ({ onProgress }) => {
          for (const message of ['asking the model', 'running Python', 'asking the model']) onProgress(message);
          return Promise.resolve(agentSays('done'));
        },
      });
      const params = { name: 'use_memory_agent', arguments: { question: 'q' }, _meta: { progressToken: 'p1' } };
      const modern = modernCall('tools/call', params);
      const response =
        era === 'modern'
          ? await harness.post(modern.body, { headers: modern.headers })
          : await harness.post(legacyCall('tools/call', params));
      const messages = await messagesOf(response);
      const progress = messages
        .filter((message) => message['method'] === 'notifications/progress')
        .map((message) => asRecord(message['params']));
      assert.deepEqual(
        progress.map((params) => params['progress']),
        [1, 2, 3],
      );
      assert.ok(progress.every((params) => params['progressToken'] === 'p1'));
    });

    test('a client that goes away aborts its run, and the audit says cancelled', async () => {
      const started = Promise.withResolvers<AbortSignal>();
      await using harness = await startHarness({
        ask: ({ signal }) => {
          started.resolve(signal);
          return new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(new AppError('CANCELLED', 'The call was cancelled')), {
              once: true,
            });
          });
        },
      });
      const leave = new AbortController();
      const params = { name: 'use_memory_agent', arguments: { question: 'q' } };
      const modern = modernCall('tools/call', params);
      const answer = harness.post(era === 'modern' ? modern.body : legacyCall('tools/call', params), {
        signal: leave.signal,
        headers: era === 'modern' ? modern.headers : {},
      });
      const signal = await started.promise;
      const aborted = new Promise((resolve) => {
        signal.addEventListener('abort', resolve, { once: true });
      });
      leave.abort();
      await assert.rejects(
        answer.then((response) => response.text()),
        /abort/i,
      );
      await aborted;
      while (harness.toolCalls.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(harness.audit[0]?.outcome?.outcome, 'cancelled');
    });
  });
}

test('a run that failed is still paid for: what it spent is in the usage', async () => {
  const spent = {
    backend: 'vllm',
    model: 'm',
    degraded: false,
    turns: 20,
    inputTokens: 900,
    outputTokens: 90,
    modelMs: 12,
    costUsd: 0.25,
    notesRead: 2,
    notesWritten: 1,
    truncated: false,
  };
  await using harness = await startHarness({
    ask: () => Promise.reject(new RunError(new AppError('TURN_LIMIT', 'no answer'), spent)),
  });
  const result = await callTool(harness, 'modern', 'use_memory_agent', { question: 'q' });
  assert.equal(result['isError'], true);
  const { model: _model, degraded: _degraded, truncated: _truncated, ...counted } = spent;
  assert.deepEqual(harness.audit[0]?.outcome?.usage, { tool: 'use_memory_agent', ...counted });
});

test('a stateless 2025 client cancels with a second request; a stranger with the same id does not', async () => {
  const started = Promise.withResolvers<AbortSignal>();
  await using harness = await startHarness({
    ask: ({ signal }) => {
      started.resolve(signal);
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new AppError('CANCELLED', 'The call was cancelled')), {
          once: true,
        });
      });
    },
  });
  const answer = harness.post(legacyCall('tools/call', { name: 'use_memory_agent', arguments: { question: 'q' } }, 7));
  const signal = await started.promise;
  const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } };
  assert.equal((await harness.post(cancel, { key: harness.keyOf('agent') })).status, 202);
  assert.equal(signal.aborted, false);
  assert.equal((await harness.post(cancel)).status, 202);
  assert.equal(signal.aborted, true);
  assert.match(JSON.stringify(await messagesOf(await answer)), /CANCELLED/);
});

test('a call that the protocol layer refuses leaves no record open', async () => {
  await using harness = await startHarness();
  const modern = modernCall('tools/call', { name: 'fetch', arguments: { id: 'user.md' } });
  const mismatch = await harness.post(modern.body, { headers: { ...modern.headers, 'mcp-name': 'search' } });
  assert.equal(mismatch.status, 400);
  const accept = await harness.post(legacyCall('tools/call', { name: 'fetch', arguments: { id: 'user.md' } }), {
    headers: { accept: 'text/plain' },
  });
  assert.equal(accept.status, 406);
  assert.deepEqual(
    harness.audit.map((entry) => entry.outcome?.outcome),
    ['error', 'error'],
  );
});

test('batches, bad JSON and methods other than POST are refused', async () => {
  await using harness = await startHarness();
  assert.equal((await harness.post([legacyCall('ping')])).status, 400);
  assert.equal((await harness.post('{"jsonrpc"')).status, 400);
  assert.equal((await harness.post('')).status, 400);
  assert.equal((await harness.post('42')).status, 400);
  const key = harness.keyOf('agent');
  assert.equal((await fetch(harness.url, { headers: { authorization: `Bearer ${key}` } })).status, 405);
});

test('the 403 names the scope; the list of tools is the same for every key', async () => {
  await using harness = await startHarness();
  const weak = harness.keyOf('memory:read');
  const write = modernCall('tools/call', { name: 'delete_file', arguments: { path: 'user.md' } });
  const refused = await harness.post(write.body, { key: weak, headers: write.headers });
  assert.equal(refused.status, 403);
  assert.match(refused.headers.get('www-authenticate') ?? '', /error="insufficient_scope", scope="memory:write"/);
  const read = modernCall('resources/read', { uri: 'memory:///user.md' });
  assert.equal((await harness.post(read.body, { key: harness.keyOf('agent'), headers: read.headers })).status, 403);
  const list = modernCall('tools/list');
  const [forWeak, forFull] = await Promise.all([
    harness.post(list.body, { key: weak, headers: list.headers }),
    harness.post(list.body, { headers: list.headers }),
  ]);
  assert.equal(await forWeak.text(), await forFull.text());
  assert.equal(harness.root.listNotes().length, 2);
});

test('resources are paged by a cursor, and an unknown one is an error', async () => {
  await using harness = await startHarness();
  for (let index = 0; index < 250; index += 1)
    await harness.root.writeNote(`many/n${String(index).padStart(3, '0')}.md`, 'x');
  const seen: string[] = [];
  let cursor: string | undefined;
  let pages = 0;
  do {
    const list = modernCall('resources/list', cursor === undefined ? {} : { cursor });
    const result = asRecord(
      asRecord(await (await harness.post(list.body, { headers: list.headers })).json())['result'],
    );
    seen.push(...(result['resources'] as { uri: string }[]).map((resource) => resource.uri));
    cursor = result['nextCursor'] as string | undefined;
    pages += 1;
  } while (cursor !== undefined);
  assert.equal(pages, 2);
  assert.equal(new Set(seen).size, 252);
  const bad = modernCall('resources/list', { cursor: '!!' });
  const error = asRecord(asRecord(await (await harness.post(bad.body, { headers: bad.headers })).json())['error']);
  assert.equal(error['code'], -32602);
});

test('a subscriber hears which notes changed, and its stream ends when a drain begins', async () => {
  await using harness = await startHarness();
  const listen = modernCall('subscriptions/listen', {
    notifications: { resourcesListChanged: true, resourceSubscriptions: ['memory:///user.md'] },
  });
  const response = await harness.post(listen.body, { headers: listen.headers });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  assert.ok(reader !== undefined);
  let text = '';
  const readUntil = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(text)) {
      const { done, value } = await reader.read();
      assert.ok(!done, `the stream ended before ${pattern.source}`);
      text += value;
    }
  };
  await readUntil(/acknowledged/);
  harness.apps.mcp.notifyNotesChanged(['user.md', 'other.md'], true);
  await readUntil(/notifications\/resources\/updated/);
  await readUntil(/notifications\/resources\/list_changed/);
  assert.doesNotMatch(text, /other\.md/);
  await harness.apps.mcp.endStreams();
  while (!(await reader.read()).done);
  const list = modernCall('tools/list');
  assert.equal((await harness.post(list.body, { headers: list.headers })).status, 200);
});

test('a session belongs to its key: another key and an unknown id are 404', async () => {
  await using harness = await startHarness({ apps: { legacySessions: { maxSessions: 1 } } });
  const initialize = legacyCall('initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 't', version: '1' },
  });
  const opened = await harness.post(initialize);
  const id = opened.headers.get('mcp-session-id') ?? '';
  await opened.text();
  assert.notEqual(id, '');
  const list = legacyCall('tools/list', {}, 2);
  assert.equal((await harness.post(list, { headers: { 'mcp-session-id': id } })).status, 200);
  assert.equal(
    (await harness.post(list, { headers: { 'mcp-session-id': id }, key: harness.keyOf('agent') })).status,
    404,
  );
  assert.equal((await harness.post(list, { headers: { 'mcp-session-id': 'nope' } })).status, 404);
  assert.equal((await harness.post(list)).status, 400);
  assert.equal((await harness.post(initialize)).status, 429);
});

test('who opens sessions without end keeps nobody else out; what is unknown says how to begin anew', async () => {
  await using harness = await startHarness({ apps: { legacySessions: { maxSessions: 4 } } });
  const initialize = legacyCall('initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 't', version: '1' },
  });
  const open = async (key: string): Promise<[number, string]> => {
    const answer = await harness.post(initialize, { key });
    await answer.text();
    return [answer.status, answer.headers.get('mcp-session-id') ?? ''];
  };
  const list = legacyCall('tools/list', {}, 2);
  const statusOf = async (key: string, id: string): Promise<number> => {
    const answer = await harness.post(list, { key, headers: { 'mcp-session-id': id } });
    await answer.text();
    return answer.status;
  };
  const [greedy, modest, third] = [harness.keyOf('metrics'), harness.keyOf('agent'), harness.keyOf('memory:read')];
  const ids: string[] = [];
  for (let i = 0; i < 4; i += 1) ids.push((await open(greedy))[1]);
  assert.equal(await statusOf(greedy, ids[0] ?? ''), 200);
  assert.equal((await open(greedy))[0], 429, 'it has its share and more');
  assert.equal((await open(modest))[0], 200);
  // The one longest unused made room, not the one in use.
  assert.deepEqual([await statusOf(greedy, ids[1] ?? ''), await statusOf(greedy, ids[0] ?? '')], [404, 200]);
  assert.equal((await open(modest))[0], 200);
  assert.equal((await open(third))[0], 200);
  assert.equal((await open(modest))[0], 429, 'as many as others have');
  const unknown = await harness.post(list, { headers: { 'mcp-session-id': 'nope' } });
  assert.match(await unknown.text(), /Begin anew/);
  const put = await fetch(harness.url, {
    method: 'PUT',
    headers: { authorization: `Bearer ${harness.keyOf('agent')}`, 'content-type': 'application/json' },
  });
  assert.deepEqual([put.status, put.headers.get('allow')], [405, 'GET, POST, DELETE']);
});

test('while it drains, a call on a connection that is still open is answered; a stream without an end is not begun', async () => {
  await using harness = await startHarness();
  harness.state.draining = true;
  const search = modernCall('tools/call', { name: 'search', arguments: { query: 'Lisbon' } });
  const answer = await harness.post(search.body, { headers: search.headers });
  assert.deepEqual([answer.status, answer.headers.get('connection')], [200, 'close']);
  await answer.text();
  const listen = modernCall('subscriptions/listen', { notifications: { resourcesListChanged: true } });
  const refused = await harness.post(listen.body, { headers: listen.headers });
  assert.deepEqual([refused.status, refused.headers.get('retry-after')], [503, '5']);
  assert.match(await refused.text(), /DRAINING/);
});

test('the title of a note is its first heading, found at once however long the line is', { timeout: 20_000 }, () => {
  for (const [text, title] of [
    ['# Anna\n\n## Work', 'Anna'],
    ['text\r\n##  Work and play  ##  \r\n# Later', 'Work and play'],
    ['#hashtag\n#\n# ', 'note'],
    ['# #', '#'],
    ['no heading', 'note'],
  ] as const)
    assert.equal(titleOf('entities/note.md', text), title, text);
  // A pattern that goes back over this needs hours for it, and nobody else is answered meanwhile.
  const long = titleOf('note.md', `# a${' '.repeat(500_000)}x${'#'.repeat(100_000)} ${' #'.repeat(100_000)}y`);
  assert.deepEqual([long.trimEnd(), long.length], ['a', 200]);
});
