// OpenRouter's backend against a real HTTP stand-in: what is in a request, what an answer must be, and how errors read.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppError } from '../../../src/lib/app-error.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import type { ChatRequest } from '../../../src/model/chat-backend.ts';
import { createCloudGuard } from '../../../src/model/cloud-guard.ts';
import { blameOf } from '../../../src/model/model-error.ts';
import { openOpenRouterBackend } from '../../../src/model/openrouter/openrouter-backend.ts';
import type { OpenRouterBackend } from '../../../src/model/openrouter/openrouter-backend.ts';
import { startKeyWatch } from '../../../src/model/openrouter/openrouter-key.ts';
import type { KeyStatus } from '../../../src/model/openrouter/openrouter-key.ts';
import { defaultOpenRouterOptions } from '../../../src/model/openrouter/openrouter-options.ts';
import type { OpenRouterOptions } from '../../../src/model/openrouter/openrouter-options.ts';
import { createPrivacyScreen } from '../../../src/privacy/create-privacy-screen.ts';
import { createRecordingPermit } from '../../helpers/cloud-permit.ts';
import { defaultMarket } from '../../helpers/engine/openrouter-market.ts';
import type { OpenRouterMarket } from '../../helpers/engine/openrouter-market.ts';
import { startEngine } from '../../helpers/engine/start-engine.ts';
import type { Engine } from '../../helpers/engine/start-engine.ts';

const ANSWER = '<think>\nA thought.\n</think>\n<reply>\nIn Bergen.\n</reply>';

function backendFor(engine: Engine, overrides: Partial<OpenRouterOptions> = {}): OpenRouterBackend {
  return openOpenRouterBackend({
    ...defaultOpenRouterOptions,
    baseUrl: engine.baseUrl,
    apiKey: defaultMarket.apiKey,
    models: ['vendor/large'],
    guard: createCloudGuard({ screen: createPrivacyScreen({ rules: [] }) }),
    clock: systemClock,
    ...overrides,
  });
}

function ask(overrides: Partial<ChatRequest> = {}): ChatRequest {
  return {
    runId: 'run-1',
    messages: [
      { role: 'system', content: 'You keep notes.' },
      { role: 'user', content: 'Where do I live?' },
    ],
    maxOutputTokens: 512,
    signal: new AbortController().signal,
    isComplete: () => false,
    cloud: createRecordingPermit(),
    ...overrides,
  };
}

async function failure(work: Promise<unknown>): Promise<AppError> {
  return await work.then(
    () => assert.fail('it was answered'),
    (error: AppError) => error,
  );
}

const sell = (engine: Engine, models: OpenRouterMarket['models']): Promise<string> =>
  engine.call('PUT', '/control/openrouter', { models });

test('the request', async (t) => {
  await using engine = await startEngine({
    kind: 'openrouter',
    script: { rules: [{ pattern: '.', replies: [ANSWER] }] },
  });

  await t.test('holds our rules, our price limit and max_tokens, and nothing that only we understand', async () => {
    await using backend = backendFor(engine);
    const permit = createRecordingPermit();
    const reply = await backend.complete(ask({ cloud: permit }));
    assert.equal(reply.text, '<think>\nA thought.\n</think>\n<reply>\nIn Bergen.\n</reply>');
    assert.deepEqual([reply.backend, reply.model, reply.tokensEstimated], ['openrouter', 'vendor/large', false]);
    const { messages, ...body } = (await engine.requests()).at(-1)?.body ?? { messages: [] };
    assert.equal(messages.length, 2);
    assert.deepEqual(body, {
      model: 'vendor/large',
      temperature: 0.6,
      top_p: 0.95,
      max_tokens: 512,
      stream: true,
      provider: {
        zdr: true,
        data_collection: 'deny',
        allow_fallbacks: true,
        require_parameters: true,
        max_price: { prompt: 5, completion: 20 },
      },
    });
    assert.ok(reply.costUsd !== undefined && reply.costUsd > 0);
    assert.deepEqual(permit.settledUsd, [reply.costUsd], 'what the server says it cost');
    assert.ok((permit.reservedUsd[0] ?? 0) >= (512 * 20) / 1e6);
    assert.equal(permit.egresses[0]?.model, 'vendor/large');
    assert.equal(backend.status().state, 'ok');
  });

  await t.test('several models go along in their order; the next one answers when the first may not', async () => {
    await using backend = backendFor(engine, { models: ['vendor/curious-only', 'vendor/small'] });
    assert.equal((await backend.complete(ask())).model, 'vendor/small');
    const { body } = (await engine.requests()).at(-1) ?? {};
    assert.deepEqual(body?.['models'], ['vendor/curious-only', 'vendor/small']);
  });

  await t.test('a paid answer is read to its end', async () => {
    await using backend = backendFor(engine);
    let looks = 0;
    const reply = await backend.complete(
      ask({
        isComplete: () => {
          looks += 1;
          return true;
        },
      }),
    );
    assert.equal(reply.finishReason, 'stop');
    assert.ok(looks > 1, 'but signs of life are told');
  });

  await t.test('without consent, budget or audit not one byte arrives', async () => {
    const { sizeBytes } = await engine.received();
    await using backend = backendFor(engine);
    for (const [cloud, code] of [
      [createRecordingPermit({ consent: false }), 'CONSENT_REQUIRED'],
      [createRecordingPermit({ budgetUsd: 0 }), 'BUDGET_EXCEEDED'],
      [createRecordingPermit({ isAuditDown: true }), 'AUDIT_UNAVAILABLE'],
    ] as const) {
      assert.equal((await failure(backend.complete(ask({ cloud })))).code, code);
    }
    const { cloud: _cloud, ...without } = ask();
    assert.equal((await failure(backend.complete(without))).code, 'CONSENT_REQUIRED');
    assert.equal((await engine.received()).sizeBytes, sizeBytes);
  });
});

test('what an answer says of itself is believed only when it is no weaker than what was asked for', async (t) => {
  await using engine = await startEngine({
    kind: 'openrouter',
    script: { rules: [{ pattern: '.', replies: [ANSWER] }] },
  });
  const [large] = defaultMarket.models;
  assert.ok(large !== undefined);

  await t.test('the dated name of our model is our model', async () => {
    await sell(engine, [{ ...large, slug: 'vendor/large-20260522' }]);
    await using backend = backendFor(engine, { models: ['vendor/large:nitro', 'vendor/large'] });
    assert.equal((await backend.complete(ask())).model, 'vendor/large-20260522');
  });

  await t.test('another model is refused, and its cost is known', async () => {
    for (const posesAs of ['vendor/small', 'vendor/large:free']) {
      await sell(engine, [{ ...large, posesAs }]);
      await using backend = backendFor(engine);
      const permit = createRecordingPermit();
      const error = await failure(backend.complete(ask({ cloud: permit })));
      assert.equal(error.code, 'MODEL_FAILED');
      assert.match(error.message, new RegExp(`answered with ${posesAs} instead of vendor/large`));
      assert.ok((permit.settledUsd[0] ?? 0) > 0 && (permit.settledUsd[0] ?? 0) < (permit.reservedUsd[0] ?? 0));
    }
  });

  await t.test('a weaker rule or a provider that was not allowed is refused', async () => {
    for (const says of [
      { zdr: false },
      { data_policy: { training: true } },
      { provider_metadata: { data_collection: 'allow' } },
    ]) {
      await sell(engine, [{ ...large, says }]);
      await using backend = backendFor(engine);
      assert.equal((await failure(backend.complete(ask()))).code, 'PRIVACY_REFUSED', JSON.stringify(says));
    }
    await sell(engine, [{ ...large, says: { provider: 'Some Other' } }]);
    await using strict = backendFor(engine, { onlyProviders: ['careful'] });
    const error = await failure(strict.complete(ask()));
    assert.deepEqual([error.code, /Some Other/.test(error.message)], ['PRIVACY_REFUSED', false]);
  });

  await t.test('with a rule that was given up by the operator it is fine', async () => {
    await sell(engine, [{ ...large, says: { data_policy: { training: true, zdr: false } } }]);
    await using backend = backendFor(engine, { zdr: false, dataCollection: 'allow' });
    assert.match((await backend.complete(ask())).text, /Bergen/);
  });
});

test('errors', async (t) => {
  await using engine = await startEngine({ kind: 'openrouter' });
  await using backend = backendFor(engine);
  const failing = async (overrides: Partial<OpenRouterOptions> = {}): Promise<[AppError, number | undefined]> => {
    const permit = createRecordingPermit();
    await using other = backendFor(engine, overrides);
    const error = await failure(other.complete(ask({ cloud: permit })));
    assert.doesNotMatch(`${error.message} ${error.hint ?? ''}`, /sk-or-v1/);
    return [error, permit.settledUsd[0]];
  };

  await t.test('no provider that keeps the rules is a refusal that says why, and is free', async () => {
    const [error, settled] = await failing({ models: ['vendor/curious-only'] });
    assert.equal(error.code, 'PRIVACY_REFUSED');
    assert.match(error.message, /vendor\/curious-only.*No endpoints found.*Zero data retention/);
    assert.equal(settled, 0);
    const [dear] = await failing({ maxPrice: { promptUsdPerMillion: 0.01, completionUsdPerMillion: 0.01 } });
    assert.equal(dear.code, 'PRIVACY_REFUSED');
  });

  await t.test('a limit says when to come again, by header, by date, by its reset, or not at all', async () => {
    const resetAt = String(Date.now() + 30_000);
    const waits: [object, number | undefined][] = [
      [{ retryAfterS: 7 }, 7],
      [{ headers: { 'x-ratelimit-reset': resetAt } }, 30],
      [{ headers: { 'x-ratelimit-reset': String(Math.floor(Date.now() / 1000) + 30) } }, 30],
      [{ retryAfterS: 3, headers: { 'x-ratelimit-reset': resetAt } }, 3],
      [{}, undefined],
    ];
    for (const [rateLimit, wanted] of waits) {
      await engine.setFaults({ rateLimit });
      const [error, settled] = await failing();
      assert.deepEqual([error.code, blameOf(error), settled], ['MODEL_UNAVAILABLE', 'busy', 0]);
      if (wanted === undefined) assert.equal(error.retryAfterS, undefined);
      else assert.ok(Math.abs((error.retryAfterS ?? -1) - wanted) <= 10, `${error.retryAfterS} is not about ${wanted}`);
    }
    await engine.setFaults({});
  });

  await t.test('an error in a 200, and one in the middle of a stream', async () => {
    await engine.setFaults({ errorIn200: true });
    const [whole, free] = await failing();
    assert.deepEqual([whole.code, free], ['MODEL_UNAVAILABLE', 0]);
    await engine.setFaults({ errorMidStream: true });
    const permit = createRecordingPermit();
    const broken = await failure(backend.complete(ask({ cloud: permit })));
    assert.equal(broken.code, 'MODEL_UNAVAILABLE');
    assert.match(broken.message, /Provider disconnected/);
    assert.deepEqual(permit.settledUsd, permit.reservedUsd, 'nobody knows what half an answer costs');
    assert.equal(backend.status().state, 'failed');
    await engine.setFaults({});
  });

  await t.test('an empty account, a wrong key, and no server at all', async () => {
    await engine.call('PUT', '/control/openrouter', { account: { limitUsd: 1, usageUsd: 1, isFreeTier: false } });
    const [empty, cost] = await failing();
    assert.deepEqual([empty.code, blameOf(empty), cost], ['MODEL_FAILED', 'backend', 0]);
    assert.match(empty.hint ?? '', /Add credit/);
    const [wrong] = await failing({ apiKey: 'sk-or-v1-wrong' });
    assert.deepEqual([wrong.code, blameOf(wrong)], ['MODEL_FAILED', 'backend']);
    assert.match(wrong.hint ?? '', /openrouter\.api_key/);
    const [gone, unsent] = await failing({ baseUrl: 'http://127.0.0.1:1/api/v1' });
    assert.deepEqual([gone.code, unsent], ['MODEL_UNAVAILABLE', 0]);
  });

  await t.test('a caller who hangs up is not answered, and has paid the most it could be', async () => {
    await engine.call('PUT', '/control/openrouter', { account: defaultMarket.account });
    await engine.setFaults({ hang: 'mid-stream' });
    const cancel = new AbortController();
    const permit = createRecordingPermit();
    const asked = failure(backend.complete(ask({ cloud: permit, signal: cancel.signal })));
    setTimeout(() => cancel.abort(), 200);
    assert.equal((await asked).code, 'CANCELLED');
    assert.deepEqual(permit.settledUsd, permit.reservedUsd);
    await engine.setFaults({});
  });
});

test('the key: what it may still spend, asked at most once a minute', async () => {
  await using engine = await startEngine({ kind: 'openrouter' });
  let nowMs = 1_000_000;
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  await using backend = backendFor(engine, { clock });
  assert.equal(backend.keyStatus().state, 'unknown');
  assert.equal((await engine.received()).requests.length, 0, 'nobody is asked before somebody wants to know');
  const seen: KeyStatus[] = [];
  const first = Promise.withResolvers<void>();
  using watch = startKeyWatch({
    check: () => backend.checkKey(),
    intervalMs: 60_000,
    onStatus: (status) => {
      seen.push(status);
      first.resolve();
    },
  });
  assert.ok(watch);
  await first.promise;
  assert.deepEqual(seen[0], {
    state: 'ok',
    reason: '$10 are left',
    limitUsd: 10,
    remainingUsd: 10,
    usageUsd: 0,
    usageDailyUsd: 0,
    usageMonthlyUsd: 0,
    isFreeTier: false,
    checkedAtMs: nowMs,
  });
  await engine.call('PUT', '/control/openrouter', { account: { limitUsd: 10, usageUsd: 10, isFreeTier: false } });
  nowMs += 59_000;
  assert.equal((await backend.checkKey()).remainingUsd, 10);
  nowMs += 1000;
  await Promise.all([backend.checkKey(), backend.checkKey(), backend.checkKey()]);
  assert.equal((await engine.received()).requests.filter(({ path }) => path.endsWith('/key')).length, 2);
  assert.deepEqual(backend.status(), { state: 'failed', reason: 'the key has no credit left' });
  nowMs += 60_000;
  await engine.setFaults({ keyStatus: 503 });
  assert.deepEqual([(await backend.checkKey()).state, backend.keyStatus().limitUsd], ['unreachable', 10]);
  nowMs += 60_000;
  await engine.setFaults({ keyStatus: 401 });
  assert.equal((await backend.checkKey()).state, 'refused');
  assert.equal(backend.status().state, 'failed');
});

test('models are listed, and options that cannot work are refused', async () => {
  await using engine = await startEngine({ kind: 'openrouter' });
  await using backend = backendFor(engine);
  assert.deepEqual(await backend.listModels(), ['vendor/large', 'vendor/small', 'vendor/curious-only']);
  const bad: Partial<OpenRouterOptions>[] = [
    { models: [] },
    { models: ['a/1', 'a/2', 'a/3', 'a/4'] },
    { models: ['no-vendor'] },
    { apiKey: '' },
    { apiKey: 'two words' },
    { maxPrice: { promptUsdPerMillion: Number.NaN, completionUsdPerMillion: 1 } },
    { baseUrl: 'nowhere' },
  ];
  for (const overrides of bad) {
    assert.throws(() => backendFor(engine, overrides), { code: 'CONFIG_INVALID' }, JSON.stringify(overrides));
  }
});
