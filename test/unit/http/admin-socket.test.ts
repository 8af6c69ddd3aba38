// The admin socket: MCP as the owner without a key, the stdio shim named in the audit, the mounted admin API.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { Hono } from 'hono';
import type { HttpEnv } from '../../../src/http/env.ts';
import { createHttpApps } from '../../../src/http/http-apps.ts';
import { openListener } from '../../../src/http/listeners.ts';
import { modernCall, startHarness } from '../../helpers/http-harness.ts';

function overSocket(
  path: string,
  options: { method: string; url: string; headers?: Record<string, string>; body?: object },
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...options.headers,
      ...(options.body !== undefined && {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      }),
    };
    const call = request(
      { socketPath: path, path: options.url, method: options.method, headers, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
      },
    );
    call.on('error', reject);
    call.end(options.body === undefined ? undefined : JSON.stringify(options.body));
  });
}

test('the owner calls without a key, and the audit says which way', async () => {
  await using harness = await startHarness();
  const admin = new Hono<HttpEnv>().get('/whoami', (c) =>
    c.json({ id: c.get('principal').id, transport: c.get('transport') }),
  );
  const apps = createHttpApps(
    harness.ports,
    { version: 'x', allowedHosts: [], allowedOrigins: [], trustedProxies: [], maxBodyBytes: 65_536 },
    admin,
  );
  const path = join(harness.directory, '..', 'admin.sock');
  await using _listener = await openListener(apps.adminSocket, {
    address: { kind: 'unix', path },
    key: 'admin.socket',
  });
  await using ops = await openListener(apps.ops, {
    address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    key: 'ops.listen',
  });

  const { body, headers } = modernCall('tools/call', { name: 'fetch', arguments: { id: 'user.md' } });
  assert.match((await overSocket(path, { method: 'POST', url: '/mcp', headers, body })).body, /Kim/);
  await overSocket(path, {
    method: 'POST',
    url: '/mcp',
    headers: { ...headers, 'mem-agent-transport': 'stdio' },
    body,
  });
  assert.deepEqual(
    harness.audit.map(({ intent }) => [intent.actor.kind, intent.actor.id, intent.transport]),
    [
      ['local', 'local', 'socket'],
      ['local', 'local', 'stdio'],
    ],
  );
  assert.deepEqual(JSON.parse((await overSocket(path, { method: 'GET', url: '/admin/v1/whoami' })).body), {
    id: 'local',
    transport: 'socket',
  });

  assert.equal((await fetch(`${ops.url}/admin/v1/whoami`)).status, 401);
  const withKey = await fetch(`${ops.url}/admin/v1/whoami`, {
    headers: { authorization: `Bearer ${harness.keyOf('admin:read')}` },
  });
  assert.deepEqual(await withKey.json(), { id: 'k_admin:read', transport: 'http' });
  await apps.mcp.close();
});
