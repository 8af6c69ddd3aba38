// The whole run switches on its first turn, or not at all; only an unavailable model is a reason.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../../../src/lib/app-error.ts';
import type { ChatMessage, ChatRequest } from '../../../src/model/chat-backend.ts';
import { createFallbackBackend } from '../../../src/model/fallback-backend.ts';
import { createScriptedBackend } from '../../helpers/scripted-backend.ts';

const down = new AppError('MODEL_UNAVAILABLE', 'refused');

function ask(runId: string, turn = 1): ChatRequest {
  const messages: ChatMessage[] = [{ role: 'user', content: 'q' }];
  for (let index = 1; index < turn; index += 1) messages.push({ role: 'assistant', content: 'a' });
  return { runId, messages, maxOutputTokens: 10, signal: new AbortController().signal, isComplete: () => false };
}

test('a run that began on builtin stays there, the next one tries the model again', async () => {
  const primary = createScriptedBackend([down, 'from the model'], 'primary');
  const builtin = createScriptedBackend(['one', 'two'], 'builtin');
  const reasons: string[] = [];
  const backend = createFallbackBackend(primary, builtin, ({ reason }) => reasons.push(reason));
  const first = await backend.complete(ask('r1'));
  assert.deepEqual([first.text, first.backend, first.degraded], ['one', 'builtin', true]);
  assert.equal((await backend.complete(ask('r1', 2))).text, 'two');
  const other = await backend.complete(ask('r2'));
  assert.deepEqual([other.text, other.backend, other.degraded], ['from the model', 'primary', false]);
  assert.deepEqual(reasons, ['refused']);
});

test('a failure later in the run, or of another kind, is an error', async () => {
  const backend = createFallbackBackend(
    createScriptedBackend([down, new AppError('MODEL_FAILED', 'bad key')]),
    createScriptedBackend(['never']),
  );
  await assert.rejects(backend.complete(ask('r1', 2)), { code: 'MODEL_UNAVAILABLE' });
  await assert.rejects(backend.complete(ask('r2')), { code: 'MODEL_FAILED' });
});

test('status: a failed model is degraded, because somebody answers', () => {
  const primary = createScriptedBackend([]);
  const failed = { ...primary, status: () => ({ state: 'failed', reason: 'down' }) as const };
  assert.deepEqual(createFallbackBackend(failed, createScriptedBackend([], 'builtin')).status(), {
    state: 'degraded',
    reason: 'down; builtin answers instead',
  });
});
