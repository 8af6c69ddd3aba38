// Readiness against real servers: each step's failure is told with its fix, and nothing after it is asked.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../../../src/lib/app-error.ts';
import { askCanary, probeReadiness } from '../../../src/worker/readiness.ts';
import type { ReadinessOptions } from '../../../src/worker/readiness.ts';
import { sendJson, startHttpStandIn } from './http-stand-in.ts';
import type { Answer } from './http-stand-in.ts';

const KEY = 'worker-key-0123456789';
const CHOICE = { choices: [{ index: 0, message: { role: 'assistant', content: '' }, finish_reason: 'length' }] };

function options(overrides: Partial<ReadinessOptions> = {}): ReadinessOptions {
  return {
    servedName: 'mem-agent',
    apiKey: KEY,
    timeoutMs: 10_000,
    signal: new AbortController().signal,
    healthPath: '/health',
    ...overrides,
  };
}

function engineOf(overrides: Partial<Record<'health' | 'models' | 'completion', Answer>> = {}): Answer {
  return (request, response) => {
    if (request.url === '/health') {
      return overrides.health === undefined ? void response.writeHead(200).end() : overrides.health(request, response);
    }
    if (request.url === '/v1/models') {
      const list = { object: 'list', data: [{ id: 'other' }, { id: 'mem-agent' }] };
      return overrides.models === undefined ? sendJson(response, 200, list) : overrides.models(request, response);
    }
    return overrides.completion === undefined
      ? sendJson(response, 200, CHOICE)
      : overrides.completion(request, response);
  };
}

test('ready: three steps, one token asked, the key sent', async () => {
  await using engine = await startHttpStandIn(engineOf());
  const probe = await probeReadiness(engine, options());
  assert.equal(probe.ok, true);
  assert.deepEqual(
    probe.steps.map(({ step, ok }) => [step, ok]),
    [
      ['health', true],
      ['models', true],
      ['completion', true],
    ],
  );
  assert.ok(probe.steps.every((step) => step.durationMs >= 0 && step.detail !== ''));
  const asked = engine.seen.at(-1);
  assert.equal(asked?.url, '/v1/chat/completions');
  assert.equal(asked.headers.authorization, `Bearer ${KEY}`);
  const body = JSON.parse(asked.body) as Record<string, unknown>;
  assert.deepEqual(
    { model: body['model'], max_tokens: body['max_tokens'], temperature: body['temperature'] },
    { model: 'mem-agent', max_tokens: 1, temperature: 0 },
  );
});

test('an engine without a health route is asked the other two', async () => {
  await using engine = await startHttpStandIn(engineOf());
  const probe = await probeReadiness(engine, options({ healthPath: null }));
  assert.deepEqual(
    probe.steps.map(({ step }) => step),
    ['models', 'completion'],
  );
  assert.ok(probe.ok);
  assert.ok(engine.seen.every(({ url }) => url !== '/health'));
});

test('each failure is the last step and names its fix', async () => {
  const cases: { name: string; engine: Partial<Record<'health' | 'models' | 'completion', Answer>>; detail: RegExp }[] =
    [
      {
        name: 'still loading',
        engine: { health: (_, response) => sendJson(response, 503, { error: { message: 'Loading model' } }) },
        detail: /^\/health answered 503: Loading model\. It may still be loading; .*worker logs/,
      },
      {
        name: 'another model',
        engine: { models: (_, response) => sendJson(response, 200, { data: [{ id: 'a' }, { id: 'b' }, { id: 7 }] }) },
        detail: /^\/v1\/models lists "a", "b", not "mem-agent"\. Set worker\.served_name/,
      },
      {
        name: 'many models',
        engine: {
          models: (_, response) =>
            sendJson(response, 200, { data: Array.from({ length: 400 }, (_x, index) => ({ id: `m${index}` })) }),
        },
        detail: /"m2" and 397 more, not "mem-agent"/,
      },
      {
        name: 'no list',
        engine: { models: (_, response) => void response.end('<html>') },
        detail: /lists no model, not "mem-agent"/,
      },
      {
        name: 'wrong key, and the server quotes it',
        engine: { models: (_, response) => sendJson(response, 401, { error: `Unknown key ${KEY}` }) },
        detail: /^\/v1\/models answered 401: Unknown key \[redacted\]\. Check worker\.api_key/,
      },
      {
        name: 'fails to generate',
        engine: { completion: (_, response) => sendJson(response, 500, { error: { message: 'EngineCore died' } }) },
        detail: /answered with 500: EngineCore died/,
      },
      {
        name: 'an error in a 200',
        engine: { completion: (_, response) => sendJson(response, 200, { error: { message: 'out of memory' } }) },
        detail: /without a choice: out of memory/,
      },
      {
        name: 'no choice',
        engine: { completion: (_, response) => sendJson(response, 200, { choices: [] }) },
        detail: /without a choice/,
      },
      {
        name: 'not JSON, long, with control characters',
        engine: { completion: (_, response) => void response.end(`\u001b[31m${'x\n'.repeat(100_000)}`) },
        detail: /without a choice: \[31mx x x.*The model does not generate/,
      },
    ];
  for (const { name, engine: overrides, detail } of cases) {
    await using engine = await startHttpStandIn(engineOf(overrides));
    const probe = await probeReadiness(engine, options());
    const last = probe.steps.at(-1);
    assert.equal(probe.ok, false, name);
    assert.equal(last?.ok, false, name);
    assert.equal(last.step, Object.keys(overrides)[0], name);
    assert.match(last.detail, detail, name);
    assert.ok(last.detail.length <= 400 && !/[\p{Cc}]/u.test(last.detail), name);
    assert.ok(!JSON.stringify(probe).includes(KEY), name);
    assert.ok(
      probe.steps.slice(0, -1).every((step) => step.ok),
      name,
    );
  }
});

test('green health, frozen engine: the completion says so within its limit', async () => {
  await using engine = await startHttpStandIn(engineOf({ completion: () => undefined }));
  const probe = await probeReadiness(engine, options({ timeoutMs: 200 }));
  assert.equal(probe.ok, false);
  assert.match(probe.steps[2]?.detail ?? '', /in 200 ms\. It is overloaded or hangs/);
});

test('a cancelled probe is no verdict', async () => {
  const controller = new AbortController();
  await using engine = await startHttpStandIn(() => controller.abort());
  await assert.rejects(probeReadiness(engine, options({ signal: controller.signal })), { code: 'CANCELLED' });
  assert.equal(engine.seen.length, 1);
});

test('the canary: one token or WORKER_FAILED', async () => {
  let answer: Answer = (_, response) => sendJson(response, 200, CHOICE);
  await using engine = await startHttpStandIn((request, response) => answer(request, response));
  await askCanary(engine, options());
  answer = (_, response) => sendJson(response, 503, { error: 'sleeping' });
  await assert.rejects(
    askCanary(engine, options()),
    (error: unknown) => error instanceof AppError && error.code === 'WORKER_FAILED' && /sleeping/.test(error.message),
  );
  answer = () => undefined;
  await assert.rejects(askCanary(engine, options({ timeoutMs: 100 })), { code: 'WORKER_FAILED' });
});
