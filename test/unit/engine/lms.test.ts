// The stand-in for LM Studio: `lms` returns at once, its service goes on, models outlive the server, a test can end it all.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { openOpenAiBackend } from '../../../src/model/openai-compatible.ts';
import { defaultOpenAiOptions } from '../../../src/model/openai-options.ts';
import { findFreePort } from '../../../src/worker/free-port.ts';
import { installFakeCommands } from '../../helpers/engine/fake-commands.ts';
import { daemonPid, lmsHome, stopFakeLms } from '../../helpers/engine/fake-lms.ts';
import { DEFAULT_ANSWER } from '../../helpers/engine/script.ts';
import { until } from '../../helpers/until.ts';
import { tempDirectory } from '../../helpers/run-main.ts';
import { askEngine } from './engine-client.ts';
import { untilListening } from './spawned-command.ts';

const MODEL = 'driaforall/mem-agent-mlx-4bit';

test('a session from download to the end', async (t) => {
  using directory = tempDirectory();
  const home = join(directory.path, 'lms-home');
  await using _daemon = { [Symbol.asyncDispose]: () => stopFakeLms(home) };
  const { lms = '' } = installFakeCommands(directory.path, { lmsHome: home, faults: { loadMs: 300 } });
  const run = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(lms, args, { encoding: 'utf8', env: {}, stdio: ['ignore', 'pipe', 'pipe'] });
  const json = (...args: string[]): unknown => JSON.parse(run(...args).stdout);
  const port = await findFreePort('127.0.0.1', Math.random);
  const baseUrl = `http://127.0.0.1:${port}/v1`;

  await t.test('the service', () => {
    assert.deepEqual(json('daemon', 'status', '--json'), { status: 'not-running' });
    assert.equal((json('daemon', 'up', '--json') as { status: string }).status, 'running');
    assert.notEqual(daemonPid(lmsHome(home)), null);
    assert.deepEqual(json('server', 'status', '--json', '--quiet'), { running: false });
  });

  await t.test('what is not downloaded can’t be loaded', () => {
    const early = run('load', MODEL, '--identifier', 'mem-agent', '-y');
    assert.equal(early.status, 1);
    assert.match(early.stderr, /Model not found/);
    assert.equal(run('get', `${MODEL}@4bit`, '-y').status, 0);
    const load = run(
      'load',
      MODEL,
      '--identifier',
      'mem-agent',
      '--context-length',
      '32768',
      '--gpu',
      'max',
      '--ttl',
      '60',
      '-y',
    );
    assert.equal(load.status, 0, load.stderr);
    const [model] = json('ps', '--json') as Record<string, unknown>[];
    assert.equal(model?.['identifier'], 'mem-agent');
    assert.equal(model?.['contextLength'], 32_768);
    assert.equal(model?.['ttlMs'], 60_000);
  });

  await t.test('the server', async () => {
    const start = run('server', 'start', '--port', String(port));
    assert.equal(start.status, 0);
    assert.match(start.stderr, new RegExp(`Success! Server is now running on port ${port}`));
    const control = await untilListening(baseUrl);
    // Whatever it does not know it answers with 200.
    const health = await fetch(`http://127.0.0.1:${port}/health`);
    assert.equal(health.status, 200);
    assert.match(await health.text(), /Unexpected endpoint or method\. \(GET \/health\)/);
    await using backend = openOpenAiBackend({ ...defaultOpenAiOptions, baseUrl, model: 'mem-agent', trust: 'local' });
    assert.equal((await backend.complete(askEngine())).text, DEFAULT_ANSWER);
    assert.equal((await control.requests()).length, 1);
    assert.match(await control.get('/v1/models'), /"mem-agent".*"driaforall/);
  });

  await t.test('models stay when the server stops', async () => {
    assert.equal(run('server', 'stop').status, 0);
    await assert.rejects(fetch(`http://127.0.0.1:${port}/v1/models`));
    assert.equal((json('ps', '--json') as unknown[]).length, 1);
    assert.equal(run('unload', 'mem-agent').status, 0);
    assert.deepEqual(json('ps', '--json'), []);
    assert.equal(run('unload', 'mem-agent').status, 1);
    assert.equal(run('daemon', 'down').status, 0);
    await until('the service has ended', () => daemonPid(lmsHome(home)) === null);
  });
});
