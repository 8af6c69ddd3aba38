// The stand-in for OpenRouter: routes by privacy, charges, refuses as the real one does, and counts what it got.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openOpenAiBackend } from '../../../src/model/openai-compatible.ts';
import { defaultOpenAiOptions } from '../../../src/model/openai-options.ts';
import { defaultMarket } from '../../helpers/engine/openrouter-market.ts';
import { startEngine } from '../../helpers/engine/start-engine.ts';
import type { Engine } from '../../helpers/engine/start-engine.ts';
import { askEngine, post, readEvents } from './engine-client.ts';

const KEY = { authorization: `Bearer ${defaultMarket.apiKey}` };

interface Answer {
  provider?: string;
  choices?: { message: { content: string; reasoning: string | null }; finish_reason: string }[];
  usage?: { cost: number; prompt_tokens: number };
  error?: { message: string; code: number; metadata?: { error_type: string } };
}

async function ask(engine: Engine, body: object): Promise<{ status: number; headers: Headers; answer: Answer }> {
  const messages = [{ role: 'user', content: 'Where do I live?' }];
  const request = { model: 'vendor/large', messages, max_tokens: 100, ...body };
  const response = await post(engine, '/api/v1/chat/completions', request, KEY);
  return { status: response.status, headers: response.headers, answer: (await response.json()) as Answer };
}

const left = async (engine: Engine): Promise<number> => {
  const response = await fetch(new URL('/api/v1/key', engine.baseUrl), { headers: KEY });
  return ((await response.json()) as { data: { limit_remaining: number } }).data.limit_remaining;
};

test('what arrives is counted to the byte, and nothing is nothing', async () => {
  await using engine = await startEngine({ kind: 'openrouter' });
  const nothing = await engine.received();
  assert.deepEqual(nothing, { connections: 0, sizeBytes: 0, requests: [] });
  await ask(engine, { messages: [{ role: 'user', content: 'planted-secret' }] });
  const { sizeBytes, requests } = await engine.received();
  const [request] = requests;
  assert.equal(requests.length, 1);
  assert.match(request?.body ?? '', /planted-secret/);
  assert.equal(request?.headers['authorization'], KEY.authorization);
  assert.ok(sizeBytes > (request?.body.length ?? 0) + 100);
});

test('privacy, price and the account', async (t) => {
  await using engine = await startEngine({ kind: 'openrouter' });

  await t.test('the cheapest that is allowed; zero retention is honoured', async () => {
    assert.equal((await ask(engine, {})).answer.provider, 'Curious');
    const careful = await ask(engine, { provider: { zdr: true, data_collection: 'deny' } });
    assert.equal(careful.answer.provider, 'Careful');
    assert.match(careful.answer.choices?.[0]?.message.content ?? '', /<reply>/);
    assert.match(careful.answer.choices?.[0]?.message.reasoning ?? '', /No note/);
  });

  await t.test('no such endpoint is a 404 that says why; the list of models is tried in order', async () => {
    const refused = await ask(engine, { model: 'vendor/curious-only', provider: { zdr: true } });
    assert.equal(refused.status, 404);
    assert.match(refused.answer.error?.message ?? '', /No endpoints found matching your data policy \(Zero data/);
    const next = await ask(engine, {
      models: ['vendor/curious-only', 'vendor/small'],
      model: 'gone',
      provider: { zdr: true },
    });
    assert.equal(next.answer.provider, 'Careful');
    assert.equal((await ask(engine, { model: 'gone' })).status, 400);
    assert.equal((await ask(engine, { provider: { max_price: { prompt: 0.01 } } })).status, 404);
  });

  await t.test('an answer costs, and the key knows', async () => {
    const before = await left(engine);
    const { answer } = await ask(engine, {});
    assert.ok((answer.usage?.cost ?? 0) > 0);
    assert.ok(Math.abs(before - (await left(engine)) - (answer.usage?.cost ?? 0)) < 1e-9);
  });

  await t.test('without money it is 402; the models need no key, the rest does', async () => {
    await engine.call('PUT', '/control/openrouter', { account: { limitUsd: 1, usageUsd: 1, isFreeTier: false } });
    const { status, answer } = await ask(engine, {});
    assert.equal(status, 402);
    assert.equal(answer.error?.metadata?.error_type, 'payment_required');
    assert.equal(await left(engine), 0);
    assert.equal((await fetch(new URL('/api/v1/key', engine.baseUrl))).status, 401);
    const models = JSON.parse(await engine.get('/api/v1/models')) as {
      data: { id: string; pricing: { prompt: string } }[];
    };
    assert.equal(models.data[0]?.pricing.prompt, '0.0000001');
  });
});

test('how it fails', async (t) => {
  await using engine = await startEngine({ kind: 'openrouter' });
  await using backend = openOpenAiBackend({
    ...defaultOpenAiOptions,
    baseUrl: engine.baseUrl,
    apiKey: defaultMarket.apiKey,
    model: 'vendor/large',
    trust: 'local',
    paid: true,
  });

  await t.test('our backend streams from it: comment, reasoning, usage with cost', async () => {
    const reply = await backend.complete(askEngine());
    assert.match(reply.text, /^<think>.*<reply>/s);
    assert.equal(reply.tokensEstimated, false);
  });

  await t.test('429 with and without Retry-After and limits', async () => {
    const limits = { 'x-ratelimit-limit': '20', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1795543450000' };
    await engine.setFaults({ rateLimit: { retryAfterS: 7, headers: limits }, forRequests: 1 });
    const first = await ask(engine, {});
    assert.equal(first.status, 429);
    assert.equal(first.headers.get('retry-after'), '7');
    assert.equal(first.headers.get('x-ratelimit-limit'), '20');
    assert.equal(first.answer.error?.metadata?.error_type, 'rate_limit_exceeded');
    assert.equal((await ask(engine, {})).status, 200, 'for one request only');
    await engine.setFaults({ rateLimit: {} });
    assert.equal((await ask(engine, {})).headers.get('retry-after'), null);
  });

  await t.test('an error inside a 200, and one in the middle of a stream', async () => {
    await engine.setFaults({ errorIn200: true });
    const { status, answer } = await ask(engine, {});
    assert.equal(status, 200);
    assert.equal(answer.error?.code, 503);
    await engine.setFaults({ errorMidStream: true });
    const messages = [{ role: 'user', content: 'x' }];
    const body = { model: 'vendor/large', messages, stream: true };
    const events = await readEvents(await post(engine, '/api/v1/chat/completions', body, KEY));
    const last = events.at(-1) as { error: { message: string }; choices: { finish_reason: string }[] };
    assert.equal(last.choices[0]?.finish_reason, 'error');
    await assert.rejects(backend.complete(askEngine()), { code: 'MODEL_UNAVAILABLE' });
  });
});
