// The admin API of a real daemon, over HTTP with keys and through the command line: runs ended by an operator, notes looked at,
// events until the drain; and what of it works without a daemon.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { callTool } from '../helpers/call-tool.ts';
import { startEngine } from '../helpers/engine/start-engine.ts';
import type { EngineScript } from '../helpers/engine/script.ts';
import { runMain, tempDirectory } from '../helpers/run-main.ts';
import { startDaemon, type DaemonProcess } from '../helpers/start-daemon.ts';
import { until } from '../helpers/until.ts';

const SCRIPT: EngineScript = { rules: [{ pattern: '.', replies: [{ text: '', fault: 'hang' }] }] };

interface Page {
  items: Record<string, unknown>[];
}

async function ask(daemon: DaemonProcess, path: string, method = 'GET', key = daemon.keys.admin): Promise<Response> {
  return fetch(`${daemon.opsUrl}/admin/v1${path}`, { method, headers: { authorization: `Bearer ${key}` } });
}

async function actions(daemon: DaemonProcess): Promise<string[]> {
  const page = (await (await ask(daemon, '/audit?limit=200')).json()) as Page;
  return page.items.map(({ action, kind, path }) => [action, kind, path ?? ''].join(' ').trim());
}

test('who searched, proved and exported the audit stands in it, by key and by command line', async () => {
  await using daemon = await startDaemon();
  for (const path of ['/audit', '/audit/verify', '/audit/export', '/audit/checkpoints'])
    await (await ask(daemon, path)).text();
  for (const line of [['tail'], ['verify'], ['export'], ['public-key']]) {
    await daemon.cli('audit', ...line);
  }
  const found = await daemon.cli('audit', 'search', '--action', 'audit.*', '--json');
  const rows = JSON.parse(found.stdout) as Record<string, string>[];
  const seen = rows
    .toReversed()
    .map(({ action, kind, actorKind, outcome }) => [action, kind, actorKind, outcome].join(' '));
  const calls = (actorKind: string): string[] =>
    ['audit.search', 'audit.verify', 'audit.export'].flatMap((action) => [
      `${action} intent ${actorKind} `,
      `${action} outcome ${actorKind} ok`,
    ]);
  assert.deepEqual(
    seen.filter((row) => !row.includes('system')),
    [...calls('key'), ...calls('local')],
  );
  const verified = await daemon.cli('audit', 'verify', '--json');
  assert.equal(verified.code, 0, verified.stdout);
});

test('an operator sees a question in flight and ends it; the client is told, the audit has both', async () => {
  await using engine = await startEngine({ script: SCRIPT });
  await using daemon = await startDaemon({
    flags: ['--model.base-url', engine.baseUrl, '--sandbox.standby', '0', '--agent.max-concurrent-runs', '1'],
  });
  const client = { url: daemon.url, key: daemon.keys.client };
  const first = callTool(client, 'use_memory_agent', { question: 'my secret plan' });
  const runsNow = async (): Promise<Record<string, unknown>[]> =>
    ((await (await ask(daemon, '/runs')).json()) as Page).items;
  await until('the question runs', async () => (await runsNow())[0]?.['state'] === 'running');
  const second = callTool(client, 'use_memory_agent', { question: 'another' });
  await until('the second waits', async () => (await runsNow()).length === 2);
  const [running, queued] = await runsNow();
  assert.equal(queued?.['state'], 'queued');
  assert.ok(!JSON.stringify([running, queued]).includes('secret'));
  const { waiting } = (await (await ask(daemon, '/queue')).json()) as { waiting: number };
  assert.equal(waiting, 1);

  const asClient = await ask(daemon, '/runs', 'GET', daemon.keys.client);
  assert.deepEqual([asClient.status, asClient.headers.get('content-type')], [403, 'application/problem+json']);
  assert.equal((await ask(daemon, `/runs/${String(queued?.['id'])}`, 'DELETE')).status, 200);
  const shown = await daemon.cli('runs', 'list', '--json');
  const [last] = JSON.parse(shown.stdout) as { id: string }[];
  assert.equal(last?.id, running?.['id']);
  const ended = await daemon.cli('runs', 'cancel', String(running?.['id']));
  assert.deepEqual([ended.code, ended.stderr], [0, '']);
  for (const answer of [await first, await second]) assert.deepEqual([answer.ok, answer.code], [false, 'CANCELLED']);
  assert.deepEqual(await runsNow(), []);
  const done = (await actions(daemon)).filter((action) => action === `run.cancel operation ${String(running?.['id'])}`);
  assert.equal(done.length, 1);
  const gone = await daemon.cli('runs', 'cancel', String(running?.['id']));
  assert.deepEqual([gone.code, /NOT_FOUND/.test(gone.stderr)], [1, true]);
});

test('notes over HTTP and by command, with and without a daemon, each look in the audit', async () => {
  using home = tempDirectory();
  const [stateDir, memoryDir] = [join(home.path, 'state'), join(home.path, 'notes')];
  mkdirSync(join(memoryDir, 'entities'), { recursive: true });
  writeFileSync(join(memoryDir, 'user.md'), '# Kim\n');
  writeFileSync(join(memoryDir, 'entities', 'anna.md'), '# Anna\n\n- city: Lisbon\n');
  const looks = [
    ['roots', 'list', '--json'],
    ['notes', 'list', 'entities/', '--json'],
    ['notes', 'read', 'entities/anna.md'],
    ['notes', 'search', 'lisbon', '--json'],
  ];
  const answers: string[][] = [];
  {
    await using daemon = await startDaemon({ stateDir, memoryDir, flags: ['--sandbox.standby', '0'] });
    const list = (await (await ask(daemon, '/notes?prefix=entities/')).json()) as Page;
    assert.deepEqual(
      list.items.map(({ path }) => path),
      ['entities/anna.md'],
    );
    assert.equal((await ask(daemon, '/notes/content?path=../state/core.db')).status, 400);
    const runs = [];
    for (const look of looks) runs.push(await daemon.cli(...look));
    answers.push(runs.map(({ stdout, code }) => `${code} ${stdout}`));
    assert.ok(
      (await actions(daemon)).includes('notes.read intent') &&
        (await actions(daemon)).includes('notes.read operation entities/anna.md'),
    );

    const events = await ask(daemon, '/events');
    await daemon.cli('log-level', 'debug');
    daemon.kill('SIGTERM');
    const text = await events.text();
    for (const name of ['status', 'runs', 'figures']) assert.match(text, new RegExp(`^event: ${name}$`, 'm'));
  }
  const places = ['--state.dir', stateDir, '--runtime.dir', join(home.path, 'run'), '--memory.dir', memoryDir];
  const offline = [];
  for (const look of looks) offline.push(await runMain([...look, ...places], { home: home.path }));
  answers.push(offline.map(({ stdout, code }) => `${code} ${stdout}`));
  const [withDaemon = [], without = []] = answers;
  assert.match(withDaemon[2] ?? '', /^0 # Anna\n/);
  assert.match(withDaemon[3] ?? '', /entities\/anna\.md/);
  assert.deepEqual([withDaemon[1], withDaemon[2]], [without[1], without[2]]);
  assert.match(without[3] ?? '', /entities\/anna\.md/);
});
