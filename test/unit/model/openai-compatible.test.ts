// The protocol boundary, against a real process that speaks vLLM's HTTP: streams, early stop, usage, every way to fail.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AppError } from '../../../src/lib/app-error.ts';
import type { ErrorCode } from '../../../src/lib/app-error.ts';
import type { ChatRequest } from '../../../src/model/chat-backend.ts';
import { createCloudGuard } from '../../../src/model/cloud-guard.ts';
import { openOpenAiBackend } from '../../../src/model/openai-compatible.ts';
import { defaultOpenAiOptions } from '../../../src/model/openai-options.ts';
import type { OpenAiOptions } from '../../../src/model/openai-options.ts';
import type { EngineFault, EngineReply } from '../../helpers/engine/script.ts';
import { createPrivacyScreen } from '../../../src/privacy/create-privacy-screen.ts';
import { createRecordingPermit } from '../../helpers/cloud-permit.ts';
import { startEngine } from '../../helpers/engine/start-engine.ts';
import type { Engine } from '../../helpers/engine/start-engine.ts';

const BLOCK = '<think>a</think>\n<python>\nx = 1\n</python>';
const KEY = 'sk-secret-0123456789';

function backendFor(engine: Engine, options: Partial<OpenAiOptions> = {}): ReturnType<typeof openOpenAiBackend> {
  return openOpenAiBackend({ ...defaultOpenAiOptions, baseUrl: engine.baseUrl, trust: 'local', ...options });
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
    ...overrides,
  };
}

async function failsWith(work: Promise<unknown>, code: ErrorCode, text: RegExp): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof AppError, String(error));
    assert.equal(error.code, code, error.userMessage);
    assert.match(error.userMessage, text);
    assert.ok(!error.userMessage.includes(KEY));
    return true;
  });
}

test('one process, the good path', async (t) => {
  await using engine = await startEngine({ apiKey: KEY, models: ['first-model', 'other'] });
  await using backend = backendFor(engine, { apiKey: KEY });

  await t.test('streams, finds the model, counts by usage, sends the sampling settings', async () => {
    await engine.setScript({ replies: [BLOCK] });
    const reply = await backend.complete(ask());
    assert.equal(reply.text, BLOCK);
    assert.equal(reply.finishReason, 'stop');
    assert.equal(reply.model, 'first-model');
    assert.equal(reply.tokensEstimated, false);
    assert.equal(reply.outputTokens, Math.ceil(BLOCK.length / 4));
    assert.ok(reply.timeToFirstTokenMs > 0 && reply.timeToFirstTokenMs <= reply.durationMs);
    assert.equal(backend.status().state, 'ok');
    const [seen] = await engine.requests();
    const { messages, model: _model, ...settings } = seen?.body ?? { messages: [], model: '' };
    assert.equal(messages.length, 2);
    assert.deepEqual(settings, {
      temperature: 0.6,
      top_p: 0.95,
      top_k: 20,
      min_p: 0,
      max_tokens: 512,
      stream: true,
      stream_options: { include_usage: true, continuous_usage_stats: true },
    });
  });

  await t.test('stops the server early, tokens still counted by its own usage', async () => {
    const rest = 'never needed '.repeat(2000);
    await engine.setScript({ replies: [{ text: BLOCK + rest, chunkDelayMs: 1 }] });
    const reply = await backend.complete(ask({ isComplete: (text) => text.includes('</python>') }));
    assert.equal(reply.finishReason, 'complete');
    assert.ok(reply.text.startsWith(BLOCK) && reply.text.length < BLOCK.length + 100);
    assert.equal(reply.tokensEstimated, false);
    assert.ok(reply.outputTokens < 40);
    assert.ok(await eventually(async () => (await engine.requests()).at(-1)?.aborted === true));
    const seen = (await engine.requests()).at(-1);
    assert.ok((seen?.sentCharacters ?? Infinity) < rest.length, 'the server went on to the end');
  });

  await t.test('the pool is sound after an early stop', async () => {
    await engine.setScript({ rules: [{ pattern: '.', replies: [BLOCK] }] });
    const replies = await Promise.all(Array.from({ length: 40 }, () => backend.complete(ask())));
    assert.ok(replies.every(({ text }) => text === BLOCK));
  });

  await t.test('reasoning comes back as a thought, under both names', async () => {
    for (const reasoningField of ['reasoning_content', 'reasoning'] as const) {
      await engine.setScript({
        replies: [{ text: '<python>x = 1</python>', reasoning: 'let me see', reasoningField }],
      });
      const reply = await backend.complete(ask());
      assert.equal(reply.text, '<think>let me see</think>\n<python>x = 1</python>');
    }
  });

  await t.test('content null: the reasoning is an open thought, nothing at all is an empty text', async () => {
    await engine.setScript({
      replies: [
        { text: '', reasoning: 'all is thought', emptyContent: true },
        { text: '', emptyContent: true },
      ],
    });
    assert.equal((await backend.complete(ask())).text, '<think>all is thought');
    assert.equal((await backend.complete(ask())).text, '');
  });

  await t.test('no usage: estimated, and said so', async () => {
    await engine.setScript({ replies: [{ text: BLOCK, noUsage: true }] });
    const reply = await backend.complete(ask());
    assert.equal(reply.tokensEstimated, true);
    assert.ok(reply.inputTokens > 0 && reply.outputTokens > 0);
  });

  await t.test('cut off by length; a crash after the end costs only the usage', async () => {
    await engine.setScript({ replies: [{ text: 'abc', finishReason: 'length' }] });
    assert.equal((await backend.complete(ask())).finishReason, 'length');
    await engine.setScript({ replies: [{ text: BLOCK, fault: 'crash-before-usage' }] });
    assert.equal((await backend.complete(ask())).text, BLOCK);
  });

  await t.test('text in several scripts survives pieces of one character', async () => {
    const text = '<reply>Gdańsk, 東京, 🙂 — ok</reply>';
    await engine.setScript({ replies: [{ text, chunkCharacters: 3 }] });
    assert.equal((await backend.complete(ask())).text, text);
  });

  await t.test('a connection reset before the answer is tried once more', async () => {
    const events: string[] = [];
    await using watched = backendFor(engine, { apiKey: KEY, onEvent: (event) => events.push(event.kind) });
    await engine.setScript({ replies: [{ text: '', fault: 'reset' }, BLOCK] });
    assert.equal((await watched.complete(ask())).text, BLOCK);
    assert.deepEqual(events, ['retried']);
    await engine.setScript({ replies: [{ text: '', fault: 'reset' }, { text: '', fault: 'reset' }, BLOCK] });
    await failsWith(watched.complete(ask()), 'MODEL_UNAVAILABLE', /cannot be reached.*base_url/);
  });
});

test('every way to fail has its code and its fix', async (t) => {
  await using engine = await startEngine({ apiKey: KEY });
  await using backend = backendFor(engine, { apiKey: KEY, requestTimeoutMs: 400, stallTimeoutMs: 150 });
  const half = '<think>long enough to have two halves</think>';
  const status = (code: number, message: string): EngineFault => ({ status: code, message });
  const cases: [name: string, reply: Partial<EngineReply>, code: ErrorCode, text: RegExp][] = [
    ['hang', { fault: 'hang' }, 'MODEL_UNAVAILABLE', /did not answer within 400 ms.*request_timeout_ms/],
    ['stall', { fault: 'hang-mid-stream' }, 'MODEL_UNAVAILABLE', /sent nothing more within 150 ms/],
    ['clean end in the middle', { fault: 'end-mid-stream' }, 'MODEL_UNAVAILABLE', /broke off in the middle/],
    ['error event in the stream', { fault: 'error-mid-stream' }, 'MODEL_UNAVAILABLE', /EngineCore encountered/],
    ['finish_reason error', { finishReason: 'error' }, 'MODEL_UNAVAILABLE', /broke off/],
    ['withheld', { finishReason: 'content_filter' }, 'MODEL_FAILED', /withheld/],
    ['error in 200', { fault: 'error-in-200' }, 'MODEL_UNAVAILABLE', /503: Provider is overloaded/],
    ['not the protocol', { fault: 'garbage' }, 'MODEL_PROTOCOL', /usually ending in \/v1/],
    ['500', { fault: status(500, `crashed, key was ${KEY}`) }, 'MODEL_UNAVAILABLE', /500: crashed, key was \*\*\*/],
    ['429', { fault: { status: 429, message: 'slow down', retryAfterS: 7 } }, 'MODEL_UNAVAILABLE', /after 7 s/],
    ['402', { fault: status(402, 'no credit') }, 'MODEL_FAILED', /Add credit/],
    ['400', { fault: status(400, 'bad\nrequest') }, 'MODEL_FAILED', /400: bad request/],
    [
      'too long',
      { fault: status(400, "This model's maximum context length is 4096 tokens. Please reduce the length") },
      'MODEL_FAILED',
      /model\.context_tokens/,
    ],
  ];
  for (const [name, reply, code, text] of cases) {
    await t.test(name, async () => {
      await engine.setScript({ replies: [{ text: half, ...reply }] });
      await failsWith(backend.complete(ask()), code, text);
      assert.equal(backend.status().state, code === 'MODEL_UNAVAILABLE' ? 'failed' : 'degraded');
    });
  }
  await t.test('and it answers again afterwards', async () => {
    await engine.setScript({ replies: [BLOCK] });
    assert.equal((await backend.complete(ask())).text, BLOCK);
    assert.equal(backend.status().state, 'ok');
  });
});

test('a wrong key is refused with the fix and without the key', async () => {
  await using engine = await startEngine({ apiKey: 'another' });
  await using backend = backendFor(engine, { apiKey: KEY });
  await failsWith(backend.complete(ask()), 'MODEL_FAILED', /401: Unauthorized.*model\.api_key/);
});

test('cancelled: before, while it waits, and while it streams; the server is told', async () => {
  await using engine = await startEngine();
  await using backend = backendFor(engine);
  const before = AbortSignal.abort(new AppError('CANCELLED', 'gone'));
  await failsWith(backend.complete(ask({ signal: before })), 'CANCELLED', /gone/);
  for (const fault of ['hang', 'hang-mid-stream'] as const) {
    await engine.setScript({ replies: [{ text: BLOCK, fault }] });
    const controller = new AbortController();
    const asked = (await engine.requests()).length;
    const work = backend.complete(ask({ signal: controller.signal }));
    assert.ok(await eventually(async () => (await engine.requests()).length > asked));
    controller.abort();
    await failsWith(work, 'CANCELLED', /cancelled/);
    assert.ok(await eventually(async () => (await engine.requests()).at(-1)?.aborted === true));
  }
  assert.equal(backend.status().state, 'ok', 'who hangs up says nothing about the server');
});

test('the process dies in the middle of the stream; later calls find nobody', async () => {
  await using engine = await startEngine({ script: { replies: [{ text: BLOCK, fault: 'crash-mid-stream' }] } });
  await using backend = backendFor(engine, { model: 'mem-agent' });
  await failsWith(backend.complete(ask()), 'MODEL_UNAVAILABLE', /broke off/);
  await engine.stop();
  await failsWith(backend.complete(ask()), 'MODEL_UNAVAILABLE', /cannot be reached \(ECONNREFUSED\)/);
});

test('a model that was exchanged is found by asking again; a wrong name lists the right ones', async () => {
  await using engine = await startEngine({ models: ['old'], script: { rules: [{ pattern: '.', replies: [BLOCK] }] } });
  await using backend = backendFor(engine);
  assert.equal((await backend.complete(ask())).model, 'old');
  await engine.setModels(['new']);
  assert.equal((await backend.complete(ask())).text, BLOCK);
  assert.equal((await backend.complete(ask())).model, 'new');
  await using named = backendFor(engine, { model: 'missing' });
  await failsWith(named.complete(ask()), 'MODEL_FAILED', /no model missing.*model\.name.*new/);
  await engine.setModels([]);
  await using none = backendFor(engine);
  await failsWith(none.complete(ask()), 'MODEL_UNAVAILABLE', /no model.*Load a model/);
});

test('a paid server is never stopped early and gets standard fields only', async () => {
  await using engine = await startEngine({ script: { replies: [`${BLOCK} and the rest`] } });
  await using backend = backendFor(engine, { paid: true });
  const reply = await backend.complete(ask({ isComplete: () => true }));
  assert.equal(reply.text, `${BLOCK} and the rest`);
  const [seen] = await engine.requests();
  const fields = Object.keys(seen?.body ?? {}).toSorted();
  assert.deepEqual(fields, ['max_tokens', 'messages', 'model', 'stream', 'stream_options', 'temperature', 'top_p']);
  assert.deepEqual(seen?.body['stream_options'], { include_usage: true });
  assert.equal(seen?.aborted, false);
});

test('a server that refuses our extra fields is asked without them from then on', async () => {
  const script = { rules: [{ pattern: '.', replies: [BLOCK] }] };
  await using engine = await startEngine({ script, refuseFields: ['top_k', 'stream_options'] });
  const events: string[] = [];
  await using backend = backendFor(engine, { onEvent: (event) => events.push(event.kind) });
  assert.equal((await backend.complete(ask())).text, BLOCK);
  assert.equal((await backend.complete(ask())).text, BLOCK);
  assert.equal((await engine.requests()).length, 3);
  assert.deepEqual(events, ['plain-fields-only']);
});

test('over a Unix socket', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'engine-'));
  try {
    await using engine = await startEngine({ uds: join(directory, 'e.sock'), script: { replies: [BLOCK] } });
    await using backend = backendFor(engine);
    assert.equal((await backend.complete(ask())).text, BLOCK);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('a cloud server is not asked without consent', async () => {
  await using engine = await startEngine({ script: { replies: [BLOCK] } });
  await using refused = backendFor(engine, { trust: 'cloud' });
  assert.equal(refused.status().state, 'failed');
  await failsWith(refused.complete(ask()), 'CONSENT_REQUIRED', /model\.trust = "local"/);
  const guard = createCloudGuard({ screen: createPrivacyScreen({ rules: [] }) });
  const price = { promptUsdPerMillion: 1, completionUsdPerMillion: 2 };
  await using guarded = backendFor(engine, { trust: 'cloud', cloud: { guard, price } });
  assert.equal(guarded.status().state, 'ok');
  await failsWith(guarded.complete(ask()), 'CONSENT_REQUIRED', /keys set/);
  await failsWith(guarded.complete(ask({ cloud: createRecordingPermit({ consent: false }) })), 'CONSENT_REQUIRED', /./);
  await failsWith(guarded.complete(ask({ cloud: createRecordingPermit({ budgetUsd: 0 }) })), 'BUDGET_EXCEEDED', /./);
  assert.equal((await engine.received()).sizeBytes, 0);
  const permit = createRecordingPermit();
  const reply = await guarded.complete(ask({ cloud: permit }));
  assert.equal(reply.text, BLOCK);
  assert.equal(reply.costUsd, (reply.inputTokens + reply.outputTokens * 2) / 1e6);
  assert.deepEqual(permit.settledUsd, [reply.costUsd]);
});

async function eventually(check: () => Promise<boolean>): Promise<boolean> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (await check()) return true;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return false;
}
