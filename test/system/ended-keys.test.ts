// A real daemon, real HTTP and the command line: what a key opened ends when the operator revokes the key, lets it expire or gives it
// other rights; the operator's own streams go on.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { callTool } from '../helpers/call-tool.ts';
import { modernCall } from '../helpers/http-harness.ts';
import { startDaemon, type DaemonProcess } from '../helpers/start-daemon.ts';
import { until } from '../helpers/until.ts';

interface Made {
  id: string;
  key: string;
}

interface Open {
  text: string;
  hasEnded: boolean;
  leave(): void;
}

async function cli<T>(daemon: DaemonProcess, ...args: string[]): Promise<T> {
  const run = await daemon.cli(...args, '--json');
  assert.equal(run.code, 0, run.stderr);
  return JSON.parse(run.stdout) as T;
}

const makeKey = (daemon: DaemonProcess, scopes: string, ...more: string[]): Promise<Made> =>
  cli(daemon, 'keys', 'create', '--name', 'laptop', '--scopes', scopes, ...more);

async function open(url: string, key: string, init: RequestInit = {}): Promise<Open> {
  const gone = new AbortController();
  const headers = { ...(init.headers as Record<string, string>), authorization: `Bearer ${key}` };
  const response = await fetch(url, { ...init, headers, signal: gone.signal });
  assert.equal(response.status, 200);
  const stream: Open = { text: '', hasEnded: false, leave: () => gone.abort() };
  void (async () => {
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) stream.text += piece;
    stream.hasEnded = true;
  })().catch(() => undefined);
  await until('the stream begins', () => stream.text !== '');
  return stream;
}

function listen(daemon: DaemonProcess, key: string): Promise<Open> {
  const uris = ['memory:///private/diary.md', 'memory:///projects/ark.md'];
  const call = modernCall('subscriptions/listen', {
    notifications: { resourcesListChanged: true, resourceSubscriptions: uris },
  });
  const headers = {
    ...call.headers,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  };
  return open(daemon.url, key, { method: 'POST', body: JSON.stringify(call.body), headers });
}

test('what a key opened ends with the key', { timeout: 120_000 }, async () => {
  await using daemon = await startDaemon({ flags: ['--sandbox.standby', '0'] });
  const own = await open(`${daemon.opsUrl}/admin/v1/events`, daemon.keys.admin);
  const stolen = await makeKey(daemon, 'admin:read,memory:read', '--kind', 'admin');
  const streams = [
    await open(`${daemon.opsUrl}/admin/v1/events`, stolen.key),
    await open(`${daemon.opsUrl}/admin/v1/leases`, stolen.key),
    await listen(daemon, stolen.key),
  ];
  await cli(daemon, 'keys', 'revoke', stolen.id);
  await until('every stream of the key has ended', () => streams.every(({ hasEnded }) => hasEnded));

  const expires = await makeKey(daemon, 'admin:read', '--kind', 'admin');
  const feed = await open(`${daemon.opsUrl}/admin/v1/events`, expires.key);
  await cli(daemon, 'keys', 'set', expires.id, '--expires', '1s');
  await until('the feed of the key that expires has ended', () => feed.hasEnded);

  const before = own.text.length;
  await until('the operator’s own feed goes on', () => own.text.length > before);
  own.leave();
});

test('a question to a model that takes its time ends with its key', { timeout: 120_000 }, async () => {
  let asked = 0;
  let left = 0;
  const model = createServer((request, response) => {
    if (request.method !== 'POST') return void response.end('{"data":[{"id":"slow"}]}');
    asked += 1;
    response.on('close', () => void (left += 1));
  });
  await new Promise<void>((resolve) => void model.listen(0, '127.0.0.1', resolve));
  try {
    const baseUrl = `http://127.0.0.1:${(model.address() as AddressInfo).port}/v1`;
    await using daemon = await startDaemon({ env: { MEM_AGENT_MODEL_BASE_URL: baseUrl } });
    const key = await makeKey(daemon, 'agent,memory:read,memory:write');
    const answer = callTool({ url: daemon.url, key: key.key }, 'use_memory_agent', { question: 'Who am I?' });
    await until('the model is asked', () => asked > 0);
    await cli(daemon, 'keys', 'revoke', key.id);
    assert.equal((await answer).code, 'CANCELLED');
    await until('the model is left alone', () => left === asked);
    const records = await cli<{ kind: string; actorId: string; outcome: string | null }[]>(daemon, 'audit', 'tail');
    const outcomes = records.filter(({ kind, actorId }) => kind === 'outcome' && actorId === key.id);
    assert.deepEqual(
      outcomes.map(({ outcome }) => outcome),
      ['cancelled'],
    );
  } finally {
    model.closeAllConnections();
    model.close();
  }
});

test('nothing is told of notes outside the paths that a key has now', { timeout: 120_000 }, async () => {
  await using daemon = await startDaemon({ flags: ['--sandbox.standby', '0'] });
  const write = async (path: string): Promise<void> => {
    const target = { url: daemon.url, key: daemon.keys.client };
    const created = await callTool(target, 'create_file', { path, content: '# A note\n' });
    assert.ok(created.ok, created.text);
  };
  const key = await makeKey(daemon, 'memory:read');
  const whole = await listen(daemon, key.key);
  await write('private/diary.md');
  await until('the news', () => whole.text.includes('list_changed'));

  await cli(daemon, 'keys', 'set', key.id, '--read-path', 'projects/');
  const told = whole.text;
  await write('private/second.md');
  await until('the stream has ended', () => whole.hasEnded);
  assert.equal(whole.text, told);

  const narrow = await listen(daemon, key.key);
  const acknowledged = narrow.text.length;
  await write('private/third.md');
  await write('projects/ark.md');
  await until('the news of its paths', () => narrow.text.includes('list_changed'));
  assert.equal(narrow.text.slice(acknowledged).match(/list_changed/g)?.length, 1);
  narrow.leave();
});
