// Limits over a real daemon behind a proxy: each client is counted by its own address, whatever it writes into a header; what is
// refused shows in metrics, usage and audit, and costs no record each; a reload changes the limits of all.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tempDirectory } from '../helpers/run-main.ts';
import { startDaemon, type DaemonProcess } from '../helpers/start-daemon.ts';

function post(daemon: DaemonProcess, key: string, forwardedFor?: string): Promise<Response> {
  return fetch(daemon.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      authorization: `Bearer ${key}`,
      ...(forwardedFor !== undefined && { 'x-forwarded-for': forwardedFor }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }),
  });
}

const metricsOf = async (daemon: DaemonProcess): Promise<string> => (await fetch(`${daemon.opsUrl}/metrics`)).text();

test('addresses behind a trusted proxy, and headers that lie', async () => {
  await using daemon = await startDaemon({
    flags: ['--http.trusted-proxies', '127.0.0.1', '--limits.auth-failures-per-minute', '3', '--sandbox.standby', '0'],
  });
  const wrong = `${daemon.keys.client.slice(0, -1)}_`;
  const attempts = async (forwardedFor: (attempt: number) => string, times: number): Promise<number[]> => {
    const statuses = [];
    for (let attempt = 0; attempt < times; attempt += 1)
      statuses.push((await post(daemon, wrong, forwardedFor(attempt))).status);
    return statuses;
  };
  // What the attacker writes stands in front of what the proxy adds.
  assert.deepEqual(await attempts((attempt) => `10.9.8.${attempt}, 203.0.113.5`, 5), [401, 401, 401, 429, 429]);
  assert.deepEqual(await attempts(() => '127.0.0.1, 203.0.113.5', 1), [429]);
  assert.deepEqual(await attempts(() => '203.0.113.6', 1), [401], 'a neighbour is not held liable');
  assert.deepEqual(await attempts((attempt) => `2001:db8:1:2::${attempt}`, 4), [401, 401, 401, 429]);
  assert.equal((await post(daemon, daemon.keys.client, '203.0.113.5')).status, 200, 'a good key goes on');
  assert.match(await metricsOf(daemon), /memagent_rate_limited_total\{limit="auth_failures"\} 4/);
});

test('a limit for all by reload; refusals show, and are not written one by one', { timeout: 60_000 }, async () => {
  using home = tempDirectory();
  const file = join(home.path, 'limits.toml');
  writeFileSync(file, '');
  await using daemon = await startDaemon({ flags: ['--config', file, '--sandbox.standby', '0'] });
  assert.equal((await post(daemon, daemon.keys.client)).headers.get('ratelimit'), null);
  writeFileSync(file, '[limits]\nrequests_per_minute = 5\n');
  assert.equal((await daemon.cli('config', 'reload')).code, 0);
  const answers = await Promise.all(Array.from({ length: 200 }, () => post(daemon, daemon.keys.client)));
  const allowed = answers.filter(({ status }) => status === 200);
  assert.equal(allowed.length, 5);
  for (const answer of answers) {
    assert.match(answer.headers.get('ratelimit-policy') ?? '', /^"requests";q=5;w=60$/);
    await answer.body?.cancel();
  }
  const refused = answers.find(({ status }) => status === 429);
  assert.ok(Number(refused?.headers.get('retry-after')) >= 1);
  assert.match(await metricsOf(daemon), /memagent_rate_limited_total\{limit="requests"\} 195/);
  await daemon.stop();
  await using again = await startDaemon({ stateDir: daemon.stateDir, memoryDir: daemon.memoryDir });
  const { rows } = JSON.parse((await again.cli('usage', 'report', '--by', 'tool', '--json')).stdout) as {
    rows: { group: string; calls: number }[];
  };
  assert.equal(rows.find(({ group }) => group === '')?.calls, 195);
  const audit = JSON.parse((await again.cli('audit', 'tail', '--json')).stdout) as { action: string }[];
  const records = audit.filter(({ action }) => action === 'security.rate_limited');
  assert.ok(records.length >= 1 && records.length <= 4, `${records.length} records`);
});
