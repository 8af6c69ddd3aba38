// The stand-in for vLLM: its command line, its HTTP as our own backend reads it, metrics that count, sleep, and how it ends.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { openOpenAiBackend } from '../../../src/model/openai-compatible.ts';
import { defaultOpenAiOptions } from '../../../src/model/openai-options.ts';
import { enginePrograms } from '../../helpers/engine/fake-commands.ts';
import { DEFAULT_ANSWER } from '../../helpers/engine/script.ts';
import { startEngine } from '../../helpers/engine/start-engine.ts';
import type { Engine } from '../../helpers/engine/start-engine.ts';
import { tempDirectory } from '../../helpers/run-main.ts';
import { askEngine, metricOf, post, readEvents } from './engine-client.ts';

test('unknown flags and missing values end it with 2 and usage, as argparse does', () => {
  const run = (...args: string[]): { status: number | null; stderr: string } =>
    spawnSync(process.execPath, [enginePrograms.vllm, ...args], { encoding: 'utf8' });
  const unknown = run('serve', 'some/model', '--uds', '/tmp/x.sock', '--no-such-flag', 'x');
  assert.equal(unknown.status, 2);
  assert.match(unknown.stderr, /^usage: vllm serve .*\[--uds\].*error: unrecognized arguments: --no-such-flag x/s);
  assert.match(run('serve', 'some/model', '--port', 'x').stderr, /argument --port: invalid int value: 'x'/);
  assert.equal(run('serve', 'some/model', '--host').status, 2);
  assert.match(run('chat').stderr, /^usage: vllm/);
});

test('every flag of a real start is known', async () => {
  await using engine = await startEngine({
    models: ['mem-agent', 'second'],
    args: [
      '--max-model-len=32k --shutdown-timeout 30 --max-num-queued-reqs 64 --max-num-seqs 8 --dtype bfloat16',
      '--quantization fp8 --gpu-memory-utilization 0.85 --enable-sleep-mode --disable-log-requests --seed 1',
      '--enable-request-id-headers --disable-access-log-for-endpoints /health,/metrics --disable-fastapi-docs',
      '--enable-prompt-tokens-details --enable-prefix-caching --no-enable-log-requests --tensor_parallel_size 1',
    ].flatMap((text) => text.split(' ')),
  });
  const models = JSON.parse(await engine.get('/v1/models')) as { data: { id: string; max_model_len: number }[] };
  assert.deepEqual(
    models.data.map(({ id, max_model_len: length }) => [id, length]),
    [
      ['mem-agent', 32_000],
      ['second', 32_000],
    ],
  );
  // Without the development mode of the server there is no sleep.
  assert.equal((await post(engine, '/sleep?level=1', {})).status, 404);
  const tooLong = await post(engine, '/v1/chat/completions', {
    model: 'mem-agent',
    messages: [{ role: 'user', content: 'x' }],
    max_tokens: 40_000,
  });
  assert.equal(tooLong.status, 400);
  assert.match(await tooLong.text(), /maximum context length is 32000 tokens/);
  assert.match(tooLong.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/);
});

test('our own backend reads it, and the metrics count', async (t) => {
  await using engine = await startEngine({ apiKey: 'sk-test' });
  await using backend = openOpenAiBackend({
    ...defaultOpenAiOptions,
    baseUrl: engine.baseUrl,
    apiKey: 'sk-test',
    trust: 'local',
  });

  await t.test('without a script it answers what ends a run', async () => {
    const reply = await backend.complete(askEngine());
    assert.equal(reply.text, DEFAULT_ANSWER);
    assert.equal(reply.finishReason, 'stop');
    assert.equal(reply.tokensEstimated, false);
  });

  await t.test('one token is a probe: cut off, and it takes nothing from the script', async () => {
    await engine.setScript({ replies: ['scripted'] });
    const probe = await backend.complete(askEngine({ maxOutputTokens: 1 }));
    assert.equal(probe.finishReason, 'length');
    assert.equal(probe.outputTokens, 1);
    assert.equal((await backend.complete(askEngine())).text, 'scripted');
  });

  await t.test('current names, labels, and a step for each token', async () => {
    const before = await engine.get('/metrics');
    assert.match(before, /^vllm:num_requests_running\{model_name="mem-agent",engine="0"\} 0$/m);
    assert.match(before, /^vllm:kv_cache_usage_perc\{/m);
    assert.doesNotMatch(before, /gpu_cache_usage_perc/);
    await engine.setScript({ replies: ['12345678'] });
    await backend.complete(askEngine());
    const after = await engine.get('/metrics');
    const grown = (name: string): number => metricOf(after, name) - metricOf(before, name);
    assert.equal(grown('vllm:iteration_tokens_total_count'), 2);
    assert.equal(grown('vllm:generation_tokens_total'), 2);
    assert.ok(grown('vllm:prompt_tokens_total') > 0);
    assert.equal(grown('vllm:request_success_total{finished_reason="stop"}'), 1);
    assert.equal(grown('vllm:time_to_first_token_seconds_count'), 1);
    const names = [...after.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    assert.equal(new Set(names).size, names.length, 'each metric is declared once');
  });

  await t.test('usage on every piece if asked for, else at the end or not at all', async () => {
    const key = { authorization: 'Bearer sk-test' };
    const ask = { model: 'mem-agent', messages: [{ role: 'user', content: 'x' }], stream: true };
    const usages = async (options: object): Promise<number> => {
      await engine.setScript({ replies: ['12345678'] });
      const response = await post(engine, '/v1/chat/completions', { ...ask, ...options }, key);
      return (await readEvents(response)).filter((event) => event['usage'] !== undefined).length;
    };
    assert.equal(await usages({}), 0);
    assert.equal(await usages({ stream_options: { include_usage: true } }), 1);
    assert.equal(await usages({ stream_options: { include_usage: true, continuous_usage_stats: true } }), 5);
  });

  await t.test('/v1/completions, and only /v1 needs the key', async () => {
    await engine.setScript({ replies: ['plain'] });
    const body = { model: 'mem-agent', prompt: 'Once' };
    assert.equal((await post(engine, '/v1/completions', body)).status, 401);
    const response = await post(engine, '/v1/completions', body, { authorization: 'Bearer sk-test' });
    const { object, choices } = (await response.json()) as { object: string; choices: { text: string }[] };
    assert.equal(object, 'text_completion');
    assert.equal(choices[0]?.text, 'plain');
    assert.deepEqual(JSON.parse(await engine.get('/version')), { version: '0.18.0' });
  });
});

test('asleep it lets requests wait, and says so', async () => {
  await using engine = await startEngine({ args: ['--enable-sleep-mode'], env: { VLLM_SERVER_DEV_MODE: '1' } });
  assert.equal((await post(engine, '/sleep?level=1', {})).status, 200);
  assert.deepEqual(JSON.parse(await engine.get('/is_sleeping')), { is_sleeping: true });
  assert.match(await engine.get('/metrics'), /engine_sleep_state\{.*sleep_state="weights_offloaded"\} 1/);
  const waiting = post(engine, '/v1/chat/completions', { model: 'mem-agent', messages: [] });
  assert.equal(
    await Promise.race([waiting.then(() => 'answered'), engine.get('/health').then(() => 'waits')]),
    'waits',
  );
  await post(engine, '/wake_up', {});
  assert.equal((await waiting).status, 200);
  assert.deepEqual(JSON.parse(await engine.get('/is_sleeping')), { is_sleeping: false });
});

test('SIGTERM aborts what runs, or lets it finish with a shutdown timeout', async (t) => {
  const endOf = async (args: string[]): Promise<{ isWhole: boolean; code: unknown }> => {
    await using engine: Engine = await startEngine({
      args,
      script: { replies: [{ text: 'a longer answer', chunkDelayMs: 100 }] },
    });
    const ask = { model: 'mem-agent', messages: [], stream: true };
    const response = await post(engine, '/v1/chat/completions', ask);
    const exited = once(engine.process, 'exit');
    engine.process.kill('SIGTERM');
    const text = await response.text().catch(() => '');
    const [code] = (await exited) as [unknown];
    return { isWhole: text.endsWith('data: [DONE]\n\n'), code };
  };
  await t.test('at once', async () => assert.deepEqual(await endOf([]), { isWhole: false, code: 0 }));
  await t.test('drained', async () =>
    assert.deepEqual(await endOf(['--shutdown-timeout', '30']), { isWhole: true, code: 0 }),
  );
});

test('its log is vLLM’s, uvicorn’s and a progress bar', async () => {
  using directory = tempDirectory();
  const socket = join(directory.path, 'v.sock');
  const { stderr, status } = spawnSync(
    process.execPath,
    [enginePrograms.vllm, 'serve', 'some/model', '--uds', socket],
    {
      encoding: 'utf8',
      env: { MEMA_ENGINE_MAX_LIFE_MS: '1500', MEMA_ENGINE_FAULTS: '{"loadMs":200,"compileMs":1}' },
    },
  );
  assert.equal(status, 0);
  assert.match(stderr, /^\(APIServer pid=\d+\) INFO \d\d-\d\d \d\d:\d\d:\d\d \[api_server\.py:\d+\] vLLM API server/m);
  assert.match(
    stderr,
    /\rLoading safetensors checkpoint shards: +50% Completed \| 10\/20 \[00:00<00:00, 0\.\d\ds\/it\]/,
  );
  assert.match(stderr, /^\(EngineCore_DP0 pid=\d+\) INFO .* compiling a graph$/m);
  assert.match(stderr, /^INFO: {5}Application startup complete\.$/m);
  // Its life was over before it could tidy up, and vLLM does not take over a socket that somebody left.
  const second = spawnSync(process.execPath, [enginePrograms.vllm, 'serve', 'm', '--uds', socket], {
    encoding: 'utf8',
  });
  assert.equal(second.status, 1);
  assert.match(second.stderr, /OSError: \[Errno 98\] Address already in use/);
});
