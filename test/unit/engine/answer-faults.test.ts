// What a running engine can be made to do wrong, each seen from outside: by plain HTTP, by its metrics, or by our own backend.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openOpenAiBackend } from '../../../src/model/openai-compatible.ts';
import { defaultOpenAiOptions } from '../../../src/model/openai-options.ts';
import type { EngineFaults } from '../../helpers/engine/engine-faults.ts';
import { startEngine } from '../../helpers/engine/start-engine.ts';
import type { Engine } from '../../helpers/engine/start-engine.ts';
import { until } from '../../helpers/until.ts';
import { askEngine, metricOf, post, readEvents } from './engine-client.ts';

const ASK = { model: 'mem-agent', messages: [{ role: 'user', content: 'x' }] };
const STREAM = { ...ASK, stream: true, stream_options: { include_usage: true } };

const complete = (engine: Engine, body: object = ASK): Promise<Response> => post(engine, '/v1/chat/completions', body);
const steps = async (engine: Engine): Promise<number> =>
  metricOf(await engine.get('/metrics'), 'vllm:iteration_tokens_total_count');

/** True when the answer is not there after a while. */
async function isStuck(answer: Promise<unknown>): Promise<boolean> {
  return await Promise.race([answer.then(() => false), sleep(300, true)]);
}

test('a hang with green health: no token more, in flight or new, and no figure moves', async (t) => {
  await using engine = await startEngine({
    script: { replies: [{ text: 'x'.repeat(1600), chunkDelayMs: 5 }, 'fresh'] },
  });
  const inFlight = complete(engine, STREAM).then((response) => response.text());
  await until('it streams', async () => (await steps(engine)) > 5);
  await engine.setFaults({ hang: true });
  const atHang = await steps(engine);
  const fresh = complete(engine);

  await t.test('stuck', async () => {
    assert.ok(await isStuck(inFlight));
    assert.ok(await isStuck(fresh));
    assert.equal((await fetch(new URL('/health', engine.baseUrl))).status, 200);
    assert.match(await engine.get('/v1/models'), /"mem-agent"/);
    assert.equal(await steps(engine), atHang);
    // The request that came later never reached the core: its figures know one.
    assert.equal(metricOf(await engine.get('/metrics'), 'vllm:num_requests_running'), 1);
    assert.equal(metricOf(await engine.get('/metrics'), 'vllm:num_requests_waiting'), 0);
  });

  await t.test('and well again', async () => {
    await engine.setFaults({});
    assert.match(await inFlight, /data: \[DONE\]\n\n$/);
    assert.equal((await fresh).status, 200);
    assert.ok((await steps(engine)) > atHang);
  });
});

test('a hang can wait for the middle of a stream, or for a number of requests', async () => {
  await using middle = await startEngine({ faults: { hang: 'mid-stream' } });
  const response = await complete(middle, STREAM);
  assert.ok(await isStuck(response.text()));
  const sent = (await middle.requests())[0]?.sentCharacters ?? 0;
  assert.ok(sent > 10 && sent < 60, `half of it: ${sent}`);
  await using later = await startEngine({ faults: { hangAfterRequests: 1 } });
  assert.equal((await complete(later)).status, 200);
  assert.ok(await isStuck(complete(later)));
  assert.equal((await fetch(new URL('/health', later.baseUrl))).status, 200);
});

test('SIGSTOP stops HTTP too', async () => {
  await using engine = await startEngine();
  engine.freeze();
  const health = fetch(new URL('/health', engine.baseUrl));
  assert.ok(await isStuck(health));
  engine.thaw();
  assert.equal((await health).status, 200);
});

test('crashes: in the middle, on the third byte, after a number of requests, with a code', async () => {
  const endOf = async (faults: EngineFaults, requests = 1): Promise<{ exit: unknown[]; texts: string[] }> => {
    await using engine = await startEngine({ faults });
    const exited = once(engine.process, 'exit');
    const texts: string[] = [];
    for (let count = 0; count < requests; count += 1) texts.push(await readWhatComes(await complete(engine, STREAM)));
    return { exit: await exited, texts };
  };
  const middle = await endOf({ crashMidStream: true });
  assert.deepEqual(middle.exit, [null, 'SIGKILL']);
  assert.match(middle.texts[0] ?? '', /^data: \{.*"content":/s);
  assert.doesNotMatch(middle.texts[0] ?? '', /\[DONE\]/);
  const third = await endOf({ crashOnByte: 3, crashWith: 'SIGSEGV' });
  assert.deepEqual(third, { exit: [null, 'SIGSEGV'], texts: ['dat'] });
  await using engine = await startEngine({ faults: { crashAfterRequests: 1, crashWith: 7 } });
  const exited = once(engine.process, 'exit');
  assert.equal((await complete(engine)).status, 200);
  await assert.rejects(complete(engine));
  assert.deepEqual(await exited, [7, null]);
});

test('green health with failing completions, and lies of every kind', async (t) => {
  await using engine = await startEngine();
  await using backend = openOpenAiBackend({ ...defaultOpenAiOptions, baseUrl: engine.baseUrl, trust: 'local' });

  await t.test('500 while health is green, and the other way round', async () => {
    await engine.setFaults({ completionStatus: 500 });
    assert.equal((await complete(engine)).status, 500);
    assert.equal((await fetch(new URL('/health', engine.baseUrl))).status, 200);
    await engine.setFaults({ healthStatus: 503 });
    assert.equal((await complete(engine)).status, 200);
    assert.equal((await fetch(new URL('/health', engine.baseUrl))).status, 503);
  });

  await t.test('garbage, at once and in the middle', async () => {
    await engine.setFaults({ garbage: true });
    await assert.rejects(backend.complete(askEngine()), { code: 'MODEL_PROTOCOL' });
    await engine.setFaults({ garbage: 'mid-stream' });
    await assert.rejects(backend.complete(askEngine()), { code: 'MODEL_PROTOCOL' });
  });

  await t.test('another name in the list', async () => {
    await engine.setFaults({ wrongModelName: 'someone-else' });
    assert.match(await engine.get('/v1/models'), /"id":"someone-else"/);
    assert.equal((await complete(engine)).status, 200);
  });

  await t.test('usage below zero, no [DONE]', async () => {
    await engine.setFaults({ negativeUsage: true });
    const events = await readEvents(await complete(engine, STREAM));
    const usage = events.at(-1)?.['usage'] as { completion_tokens: number } | undefined;
    assert.ok((usage?.completion_tokens ?? 0) < 0);
    await engine.setFaults({ missingDone: true });
    assert.doesNotMatch(await (await complete(engine, STREAM)).text(), /\[DONE\]/);
  });

  await t.test('an error in a 200, in the middle, no content, thoughts elsewhere', async () => {
    await engine.setFaults({ errorIn200: true });
    await assert.rejects(backend.complete(askEngine()), { code: 'MODEL_UNAVAILABLE' });
    await engine.setFaults({ errorMidStream: true });
    await assert.rejects(backend.complete(askEngine()), { code: 'MODEL_UNAVAILABLE' });
    await engine.setFaults({ emptyContent: true });
    assert.equal((await backend.complete(askEngine())).text, '');
    await engine.setFaults({ reasoning: 'hm', reasoningField: 'reasoning' });
    assert.match((await backend.complete(askEngine())).text, /^<think>hm/);
  });

  await t.test('429, for one request', async () => {
    await engine.setFaults({ rateLimit: { retryAfterS: 3 }, forRequests: 1 });
    const first = await complete(engine);
    assert.deepEqual([first.status, first.headers.get('retry-after')], [429, '3']);
    assert.equal((await complete(engine)).status, 200);
  });
});

test('slow: the first token, and then a rate', async () => {
  await using engine = await startEngine({ faults: { ttftMs: 300, tokensPerSecond: 20 } });
  await engine.setScript({ replies: ['1234567890abcdef'] });
  await using backend = openOpenAiBackend({ ...defaultOpenAiOptions, baseUrl: engine.baseUrl, trust: 'local' });
  const reply = await backend.complete(askEngine());
  assert.ok(reply.timeToFirstTokenMs >= 290, `${reply.timeToFirstTokenMs}`);
  assert.ok(reply.durationMs >= 290 + 140, `three more at 50 ms each: ${reply.durationMs}`);
});

/** What arrived before the connection broke. */
async function readWhatComes(response: Response): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  try {
    for await (const piece of response.body ?? []) text += decoder.decode(piece, { stream: true });
  } catch (error) {
    assert.ok(error instanceof TypeError);
  }
  return text;
}
