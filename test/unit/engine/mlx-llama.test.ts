// The stand-ins for mlx_lm.server and llama-server: where they differ from vLLM, as our own backend meets it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { openOpenAiBackend } from '../../../src/model/openai-compatible.ts';
import { defaultOpenAiOptions } from '../../../src/model/openai-options.ts';
import { findFreePort } from '../../../src/worker/free-port.ts';
import { enginePrograms } from '../../helpers/engine/fake-commands.ts';
import { DEFAULT_ANSWER } from '../../helpers/engine/script.ts';
import { startEngine } from '../../helpers/engine/start-engine.ts';
import { until } from '../../helpers/until.ts';
import { askEngine, metricOf, post, readEvents } from './engine-client.ts';
import { spawnCommand, untilListening } from './spawned-command.ts';

test('mlx: constant health, no keys, no metrics, thoughts apart, 512 tokens', async (t) => {
  await using engine = await startEngine({ kind: 'mlx', models: ['org/model-4bit'] });
  const body = { model: 'default_model', messages: [{ role: 'user', content: 'x' }] };

  await t.test('health, models, nothing else', async () => {
    assert.deepEqual(JSON.parse(await engine.get('/health')), { status: 'ok' });
    assert.equal(await engine.get('/metrics'), 'Not Found');
    const models = JSON.parse(await engine.get('/v1/models')) as { data: { id: string }[] };
    assert.deepEqual(
      models.data.map(({ id }) => id),
      ['org/model-4bit'],
    );
    const other = await post(engine, '/v1/chat/completions', { ...body, model: 'org/other' });
    assert.equal(other.status, 404);
    assert.equal(typeof ((await other.json()) as { error: unknown }).error, 'string');
  });

  await t.test('thoughts come in `reasoning`; our backend puts them back', async () => {
    const events = await readEvents(await post(engine, '/v1/chat/completions', { ...body, stream: true }));
    const deltas = events.map((event) => (event['choices'] as { delta: Record<string, unknown> }[])[0]?.delta);
    assert.ok(deltas.some((delta) => String(delta?.['reasoning']).length > 0));
    assert.ok(deltas.every((delta) => !String(delta?.['content']).includes('<think>')));
    await using backend = openOpenAiBackend({ ...defaultOpenAiOptions, baseUrl: engine.baseUrl, trust: 'local' });
    const reply = await backend.complete(askEngine());
    assert.equal(reply.text.replace(/\s+/g, ''), DEFAULT_ANSWER.replace(/\s+/g, ''));
    assert.equal(reply.model, 'org/model-4bit');
  });

  await t.test('who does not say how many tokens gets 512', async () => {
    await engine.setScript({ replies: ['word'.repeat(1000)] });
    const answer = (await (await post(engine, '/v1/chat/completions', body)).json()) as {
      choices: { finish_reason: string }[];
      usage: { completion_tokens: number };
    };
    assert.equal(answer.choices[0]?.finish_reason, 'length');
    assert.equal(answer.usage.completion_tokens, 512);
  });

  await t.test('settings below zero make it hang up', async () => {
    await assert.rejects(post(engine, '/v1/chat/completions', { ...body, top_k: -1 }));
  });

  await t.test('a crash in a stream looks like its end, without [DONE]', async () => {
    await engine.setScript({});
    await engine.setFaults({ crashMidStream: true });
    const exited = once(engine.process, 'exit');
    const response = await post(engine, '/v1/chat/completions', { ...body, stream: true });
    const text = await response.text().catch(() => '');
    assert.doesNotMatch(text, /\[DONE\]/);
    assert.deepEqual(await exited, [null, 'SIGKILL']);
  });
});

test('mlx: SIGTERM just ends it', async () => {
  await using engine = await startEngine({ kind: 'mlx' });
  engine.process.kill('SIGTERM');
  const [, signal] = (await once(engine.process, 'exit')) as [unknown, unknown];
  assert.equal(signal, 'SIGTERM');
});

test('llama-server: 503 while it loads, any model name, its own metrics', async (t) => {
  const port = await findFreePort('127.0.0.1', Math.random);
  const args = [enginePrograms.llamaServer, '-m', 'x.gguf', '-c', '4096', '-np', '2', '--metrics', '-a', 'mem-agent'];
  await using llama = spawnCommand(process.execPath, [...args, '--port', String(port), '--api-key', 'k'], {
    MEMA_ENGINE_FAULTS: '{"loadMs":1500}',
  });
  const control = await untilListening(`http://127.0.0.1:${port}/v1`);
  const health = async (): Promise<number> => (await fetch(`http://127.0.0.1:${port}/health`)).status;

  await t.test('loading', async () => {
    assert.deepEqual(JSON.parse(await control.get('/health')), {
      error: { code: 503, message: 'Loading model', type: 'unavailable_error' },
    });
    await until('the model is loaded', async () => (await health()) === 200);
    assert.deepEqual(JSON.parse(await control.get('/health')), { status: 'ok' });
  });

  await t.test('answering', async () => {
    await using backend = openOpenAiBackend({
      ...defaultOpenAiOptions,
      baseUrl: `http://127.0.0.1:${port}/v1`,
      apiKey: 'k',
      model: 'whatever',
      trust: 'local',
    });
    const reply = await backend.complete(askEngine());
    assert.match(reply.text, /^<think>.*<reply>/s);
    const response = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { authorization: 'Bearer k' } });
    const text = await response.text();
    assert.ok(metricOf(text, 'llamacpp:n_decode_total') > 5);
    assert.equal(metricOf(text, 'llamacpp:requests_processing'), 0);
  });

  await t.test('the end', async () => {
    llama.process.kill('SIGTERM');
    assert.deepEqual(await llama.exited, [0, null]);
    assert.match(llama.output(), /server is listening on/);
    await using wrong = spawnCommand(process.execPath, [enginePrograms.llamaServer, '--no-such-flag']);
    assert.deepEqual(await wrong.exited, [1, null]);
  });
});
