// 10,000 admin cases (MEMA_FULL=1: 1,000,000) out of openapi.json at a real daemon: no 5xx, no hang over 1 s, no crash, every
// refusal with a code and a hint, and a whole audit at the end. What ends the daemon is sent by who may not, and once, last, by who may.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adminCase, ENDING, routesOf, type OpenApi } from '../helpers/fuzz/admin-cases.ts';
import { runFuzz } from '../helpers/fuzz/fuzz-run.ts';
import type { DaemonProcess } from '../helpers/start-daemon.ts';

test('admin API', async (t) => {
  await runFuzz(
    {
      name: 'admin API',
      flags: ['--sandbox.standby', '0'],
      port: ({ opsUrl }) => Number(new URL(opsUrl).port),
      async prepare(daemon) {
        const response = await asAdmin(daemon, '/openapi.json');
        const api = (await response.json()) as OpenApi;
        const routes = routesOf(api);
        assert.ok(routes.length >= 25, `${routes.length} routes are listed`);
        for (const route of ENDING) assert.ok(routes.includes(route), `${route} is a route`);
        t.diagnostic(`${routes.length} routes`);
        const reader = await makeKey(daemon, 'reader', 'admin:read');
        const victims = [];
        for (let index = 0; index < 20; index += 1)
          victims.push((await makeKey(daemon, `victim ${index}`, 'memory:read')).id);
        const { admin, client } = daemon.keys;
        return adminCase(api, { admin, client, reader: reader.key, victims });
      },
      async end(daemon) {
        const response = await asAdmin(daemon, '/drain', { method: 'POST' });
        assert.equal(response.status, 200, await response.text());
        assert.deepEqual(await daemon.exited, { code: 0, signal: null });
      },
    },
    (line) => t.diagnostic(line),
  );
});

function asAdmin({ opsUrl, keys }: DaemonProcess, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${keys.admin}`, 'content-type': 'application/json' };
  return fetch(`${opsUrl}/admin/v1${path}`, { ...init, headers });
}

async function makeKey(daemon: DaemonProcess, name: string, scope: string): Promise<{ id: string; key: string }> {
  const response = await asAdmin(daemon, '/keys', { method: 'POST', body: JSON.stringify({ name, scopes: [scope] }) });
  return (await response.json()) as { id: string; key: string };
}
