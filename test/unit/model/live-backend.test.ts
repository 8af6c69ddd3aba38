// A server that moves: the next request goes to the new address, the one in flight ends where it began.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LiveBackend } from '../../../src/model/live-backend.ts';
import type { ChatRequest } from '../../../src/model/chat-backend.ts';
import { defaultOpenAiOptions } from '../../../src/model/openai-options.ts';
import { startEngine } from '../../helpers/engine/start-engine.ts';

const request = (text: string): ChatRequest => ({
  runId: 'run',
  messages: [{ role: 'user', content: text }],
  maxOutputTokens: 100,
  signal: new AbortController().signal,
  isComplete: () => false,
});

test('follows the address, and lets a request end where it began', async () => {
  const slow = { text: 'from the first, slowly', chunkDelayMs: 30 };
  await using first = await startEngine({ script: { rules: [{ pattern: '.', replies: [slow] }] } });
  await using second = await startEngine({ script: { rules: [{ pattern: '.', replies: ['from the second'] }] } });
  let baseUrl: string | null = null;
  await using backend = new LiveBackend('worker', () =>
    baseUrl === null ? null : { ...defaultOpenAiOptions, baseUrl, trust: 'local' as const },
  );
  await assert.rejects(backend.complete(request('a')), { code: 'MODEL_UNAVAILABLE', retryAfterS: 5 });
  baseUrl = first.baseUrl;
  const inFlight = backend.complete(request('b'));
  baseUrl = second.baseUrl;
  const [moved, old] = await Promise.all([backend.complete(request('c')), inFlight]);
  assert.equal(moved.text, 'from the second');
  assert.equal(old.text, 'from the first, slowly');
  assert.equal(moved.backend, 'worker');
  assert.equal(backend.status().state, 'ok');
});
