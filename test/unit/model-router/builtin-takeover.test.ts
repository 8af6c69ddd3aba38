// When every route is down: builtin starts the run from its question, keeps it, and never one that has changed a note.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChatMessage } from '../../../src/model/chat-backend.ts';
import { ask, down, openBench, playBackend, playWorker, QUESTION, route } from './router-fixture.ts';

const LATER: readonly ChatMessage[] = [
  ...QUESTION,
  { role: 'assistant', content: "the model's block" },
  { role: 'user', content: '<result>\n{}\n</result>' },
];

test('a run is taken over in the middle, sees its question and its own turns only, and stays', async () => {
  const [a, builtin] = [playBackend('a'), playBackend('builtin')];
  const { router, events } = openBench([route(a)], { breakerFailures: 100 }, builtin);
  await router.complete(ask());
  a.answer = down;
  const taken = await router.complete(ask({ messages: LATER, hasWritten: false }));
  assert.deepEqual([taken.text, taken.backend, taken.degraded], ['from builtin', 'builtin', true]);
  assert.deepEqual(builtin.requests[0]?.messages, QUESTION);
  a.answer = 'back again';
  const own: readonly ChatMessage[] = [
    { role: 'assistant', content: "builtin's block" },
    { role: 'user', content: '<result>\n{1}\n</result>' },
  ];
  await router.complete(ask({ messages: [...LATER, ...own], hasWritten: true }));
  assert.deepEqual(builtin.requests[1]?.messages, [...QUESTION, ...own]);
  assert.deepEqual(
    events.flatMap((event) => (event.kind === 'builtin' ? [`${event.reason}: ${event.detail}`] : [])),
    ['unavailable: connection refused'],
  );
  assert.equal((await router.complete(ask({ runId: 'the next run' }))).text, 'back again');
});

test('a run that has changed a note ends in an error with a time, and builtin is not asked', async () => {
  const builtin = playBackend('builtin');
  const { router } = openBench([route(playBackend('a', down))], {}, builtin);
  await assert.rejects(router.complete(ask({ messages: LATER, hasWritten: true })), {
    code: 'MODEL_UNAVAILABLE',
    message: /had changed notes\. connection refused/,
    retryAfterS: 5,
  });
  assert.equal(builtin.requests.length, 0);
});

test('status: every route down is degraded with builtin, failed without', async () => {
  const a = { ...playBackend('a', down), status: () => ({ state: 'failed', reason: 'refused' }) as const };
  assert.deepEqual(openBench([route(a)], {}, playBackend('builtin')).router.status(), {
    state: 'degraded',
    reason: 'a: refused; builtin answers instead',
  });
  assert.deepEqual(openBench([route(a)]).router.status(), { state: 'failed', reason: 'a: refused' });
});

test('without any route builtin answers', async () => {
  const { router } = openBench([], {}, playBackend('builtin'));
  assert.deepEqual([(await router.complete(ask())).text, router.name], ['from builtin', 'builtin']);
});

test('builtin answers at once when the model is not even loading, and waits a moment when it is', async () => {
  const worker = playWorker('loading');
  const routes = [route(playBackend('a'), 0, { worker })];
  const { router } = openBench(routes, { waitForWorkerMs: 60_000, builtinAfterMs: 60_000 }, playBackend('builtin'));
  const waiting = router.complete(ask());
  worker.state = 'ready';
  assert.equal((await waiting).backend, 'a');
  worker.state = 'ended';
  assert.equal((await router.complete(ask({ runId: 'second' }))).backend, 'builtin');
  worker.state = 'loading';
  const { router: hasty } = openBench(routes, { waitForWorkerMs: 60_000, builtinAfterMs: 20 }, playBackend('builtin'));
  assert.equal((await hasty.complete(ask({ runId: 'third' }))).backend, 'builtin');
});
