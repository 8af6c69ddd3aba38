// One run for many who ask the same, and its answer again while the notes are unchanged; each caller audited, none in another's way.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AgentService } from '../../../src/agent/agent-service.ts';
import type { AgentServicePorts } from '../../../src/agent/agent-service.ts';
import { AnswerCache, defaultAnswerCacheOptions } from '../../../src/agent/answer-cache.ts';
import { defaultAgentOptions } from '../../../src/agent/ports.ts';
import type { AgentRequest, AgentResult } from '../../../src/agent/ports.ts';
import type { NoteOperation } from '../../../src/audit/audit-log.ts';
import { localPrincipal } from '../../../src/auth/principal.ts';
import { AppError } from '../../../src/lib/app-error.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { noTracer } from '../../../src/telemetry/tracer.ts';
import { block, reply } from '../../helpers/agent-run.ts';
import { createInProcessSandbox, done } from '../../helpers/in-process-sandbox.ts';
import { createScriptedBackend } from '../../helpers/scripted-backend.ts';
import type { ScriptedBackend, ScriptStep } from '../../helpers/scripted-backend.ts';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Bench {
  service: AgentService;
  backend: ScriptedBackend;
  cache: AnswerCache;
  shared: string[];
  state: { revision: number; filters: string; prompt: string };
}

/** The block `read` reads two notes, `write` writes one. */
function openBench(steps: readonly ScriptStep[], places = 8): Bench {
  const state = { revision: 1, filters: '', prompt: 'You keep notes.' };
  const cache = new AnswerCache({ ...defaultAnswerCacheOptions, ttlMs: 60_000, clock: systemClock });
  const backend = createScriptedBackend(steps);
  const shared: string[] = [];
  const ports: AgentServicePorts = {
    options: () => defaultAgentOptions,
    backend,
    sandbox: createInProcessSandbox(async (code, onCall) => {
      await onCall(code, [], {});
      return done({ ok: true });
    }),
    clock: systemClock,
    tracer: noTracer,
    openFunctions: ({ auditCall }) => {
      const counts = { notesRead: 0, notesWritten: 0 };
      return {
        async onCall(name) {
          for (const path of ['user.md', 'a.md']) await auditCall.operation({ operation: `note.${name}`, path });
          if (name === 'write') counts.notesWritten += 1;
          else counts.notesRead += 2;
          if (name === 'write') state.revision += 1;
          return true;
        },
        counts: () => ({ ...counts }),
      };
    },
    systemPrompt: () => state.prompt,
    filters: () => state.filters,
    answers: {
      cache,
      sourceOf: ({ root }) => ({ name: root, directory: '/notes', revision: () => state.revision }),
      onShared: (how) => shared.push(how),
    },
  };
  const service = new AgentService({ maxConcurrentRuns: places, maxQueuedRuns: 100 }, ports);
  return { service, backend, cache, shared, state };
}

interface Asked {
  request: AgentRequest;
  operations: NoteOperation[];
}

function question(overrides: Partial<AgentRequest> = {}, auditFails = false): Asked {
  const operations: NoteOperation[] = [];
  const request: AgentRequest = {
    requestId: 'r',
    question: 'Where do I live?',
    principal: localPrincipal,
    auditCall: {
      callId: 'c',
      async operation(operation) {
        if (auditFails) throw new AppError('AUDIT_UNAVAILABLE', 'disk full');
        operations.push(operation);
      },
      finish: async () => {},
    },
    signal: new AbortController().signal,
    onProgress() {},
    ...overrides,
  };
  return { request, operations };
}

const READS = [
  { operation: 'note.read', path: 'user.md' },
  { operation: 'note.read', path: 'a.md' },
];

function costs({ turns, inputTokens, outputTokens, modelMs, costUsd }: AgentResult): number {
  return turns + inputTokens + outputTokens + modelMs + costUsd;
}

test('the same question again: no run, no cost, but the record of what was read', async () => {
  const { service, backend, shared } = openBench([block('read'), reply('In Porto.')]);
  const first = question();
  assert.equal((await service.ask(first.request)).reply, 'In Porto.');
  const again = question({ requestId: 'r2' });
  const answer = await service.ask(again.request);
  assert.deepEqual([answer.reply, answer.notesRead, costs(answer)], ['In Porto.', 2, 0]);
  assert.deepEqual([first.operations, again.operations], [READS, READS]);
  assert.deepEqual([backend.requests.length, shared], [2, ['cached']]);
});

test('a record that cannot be written: no answer', async () => {
  const { service } = openBench([block('read'), reply('In Porto.')]);
  await service.ask(question().request);
  await assert.rejects(service.ask(question({}, true).request), { code: 'AUDIT_UNAVAILABLE' });
});

test('another question, root, scope, filter, prompt or revision is another run', async () => {
  const { service, backend, state } = openBench(Array.from({ length: 9 }, (_, run) => reply(String(run))));
  const ask = async (overrides: Partial<AgentRequest> = {}): Promise<string> =>
    (await service.ask(question(overrides).request)).reply;
  assert.equal(await ask(), '0');
  assert.equal(await ask({ question: 'Where do you live?' }), '1');
  assert.equal(await ask({ principal: { ...localPrincipal, root: 'team' } }), '2');
  assert.equal(await ask({ principal: { ...localPrincipal, scopes: new Set(['agent']) } }), '3');
  assert.equal(await ask({ principal: { ...localPrincipal, id: 'other key, same rights' } }), '0');
  state.filters = 'Say nothing of health.';
  assert.equal(await ask(), '4');
  state.filters = '';
  state.prompt = 'Today is another day.';
  assert.equal(await ask(), '5');
  state.prompt = 'You keep notes.';
  assert.equal(await ask(), '0');
  state.revision += 1;
  assert.equal(await ask(), '6');
  assert.equal(backend.requests.length, 7);
});

test('what wrote, was degraded, or saw the notes change under it is not kept', async () => {
  const written = openBench([block('write'), reply('kept'), reply('again')]);
  await written.service.ask(question().request);
  assert.equal((await written.service.ask(question().request)).reply, 'again');

  const degraded = openBench([{ text: reply('from builtin'), degraded: true }, reply('from the model')]);
  await degraded.service.ask(question().request);
  assert.equal((await degraded.service.ask(question().request)).reply, 'from the model');

  const changed = openBench([
    () => {
      changed.state.revision += 1;
      return reply('of a mixture');
    },
    reply('of the new notes'),
  ]);
  await changed.service.ask(question().request);
  assert.equal((await changed.service.ask(question().request)).reply, 'of the new notes');
  assert.equal(changed.cache.size, 1);
});

test('many at once share one run, with places to spare; each has its own record', async () => {
  const gate = Promise.withResolvers<string>();
  const { service, backend, shared } = openBench([block('read'), () => gate.promise]);
  const asked = Array.from({ length: 20 }, () => question());
  const answers = asked.map(({ request }) => service.ask(request));
  await settle();
  assert.equal(service.activeRuns, 8);
  gate.resolve(reply('In Porto.'));
  for (const answer of await Promise.all(answers)) assert.equal(answer.reply, 'In Porto.');
  assert.equal(backend.requests.length, 2);
  for (const { operations } of asked) assert.deepEqual(operations, READS);
  assert.equal(shared.length, 19);
  assert.deepEqual([service.activeRuns, service.queueDepth], [0, 0]);
});

test('a follower that goes away disturbs nobody; a leader that goes away takes no answer along', async () => {
  const gates = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
  const { service, backend } = openBench([() => gates[0]?.promise ?? '', () => gates[1]?.promise ?? '']);
  const [leader, gone] = [new AbortController(), new AbortController()];
  const first = service.ask(question({ signal: leader.signal }).request);
  await settle();
  const follower = service.ask(question({ signal: gone.signal }).request);
  const stays = service.ask(question().request);
  await settle();
  gone.abort();
  await assert.rejects(follower, { code: 'CANCELLED' });
  assert.equal(backend.requests.length, 1);
  leader.abort();
  await assert.rejects(first, { code: 'CANCELLED' });
  await settle();
  gates[1]?.resolve(reply('In Porto.'));
  assert.equal((await stays).reply, 'In Porto.');
  assert.equal(backend.requests.length, 2);
});

test('a leader that waits in the queue of a busy key holds up no other key', async () => {
  const gate = Promise.withResolvers<string>();
  const { service } = openBench([() => gate.promise, reply('quick'), reply('slow key')], 1);
  const busy = { ...localPrincipal, id: 'busy' };
  const running = service.ask(question({ principal: busy, question: 'first' }).request);
  const queued = ['second', 'third', 'shared'].map((text) =>
    service.ask(question({ principal: busy, question: text }).request),
  );
  const order: string[] = [];
  const quiet = service.ask(question({ question: 'shared' }).request).then(({ reply: text }) => order.push(text));
  gate.resolve(reply('done'));
  await running;
  await quiet;
  assert.deepEqual(order, ['quick']);
  await Promise.allSettled(queued);
});

test('the deadline holds for who waits for another', async () => {
  const { service } = openBench([{ hang: 'until-aborted' }]);
  const leader = new AbortController();
  const first = service.ask(question({ signal: leader.signal }).request);
  await settle();
  const soon = systemClock.monotonicMs() + 20;
  await assert.rejects(service.ask(question({ deadlineAtMs: soon }).request), { code: 'DEADLINE_EXCEEDED' });
  leader.abort();
  await assert.rejects(first, { code: 'CANCELLED' });
});

test('the cache is bounded in number, bytes and time', () => {
  const clock = { ms: 0, nowMs: () => clock.ms, monotonicMs: () => clock.ms };
  const answer = (text: string): Parameters<AnswerCache['store']>[1] => ({
    result: { reply: text } as AgentResult,
    operations: [],
  });
  const few = new AnswerCache({ ttlMs: 100, maxEntries: 2, maxBytes: 100_000, clock });
  for (const key of ['a', 'b', 'c', 'c']) few.store(key, answer(key));
  assert.deepEqual([few.size, few.find('a'), few.find('c')?.result.reply], [2, undefined, 'c']);
  clock.ms = 60;
  few.store('d', answer('d'));
  clock.ms = 110;
  assert.deepEqual([few.find('c'), few.find('d')?.result.reply, few.size], [undefined, 'd', 1]);
  clock.ms = 160;
  assert.deepEqual([few.find('d'), few.sizeBytes], [undefined, 0]);

  const small = new AnswerCache({ ttlMs: 100, maxEntries: 100, maxBytes: 1000, clock });
  for (const key of ['a', 'b', 'c']) small.store(key, answer('x'.repeat(200)));
  assert.deepEqual([small.size, small.find('a'), small.find('c')?.result.reply.length], [2, undefined, 200]);
  assert.ok(small.sizeBytes <= 1000, String(small.sizeBytes));
  small.store('huge', answer('x'.repeat(5000)));
  assert.equal(small.find('huge'), undefined);
});
