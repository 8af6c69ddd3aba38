// The service around the loop: places, a deadline that counts the wait, drain, and the operator's own prompt.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AgentService } from '../../../src/agent/agent-service.ts';
import type { AgentServicePorts } from '../../../src/agent/agent-service.ts';
import { defaultAgentOptions } from '../../../src/agent/ports.ts';
import type { AgentRequest } from '../../../src/agent/ports.ts';
import { readSystemPromptFile } from '../../../src/agent/system-prompt.ts';
import { localPrincipal } from '../../../src/auth/principal.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { noTracer } from '../../../src/telemetry/tracer.ts';
import { reply, testAuditCall } from '../../helpers/agent-run.ts';
import { until } from '../../helpers/until.ts';
import { createInProcessSandbox, done } from '../../helpers/in-process-sandbox.ts';
import { createScriptedBackend } from '../../helpers/scripted-backend.ts';
import type { ScriptStep } from '../../helpers/scripted-backend.ts';

interface Service {
  service: AgentService;
  waits: number[];
  rejected: string[];
}

function createService(steps: readonly ScriptStep[], deadlineMs = 5000): Service {
  const waits: number[] = [];
  const rejected: string[] = [];
  const ports: AgentServicePorts = {
    options: () => ({ ...defaultAgentOptions, deadlineMs }),
    backend: createScriptedBackend(steps),
    sandbox: createInProcessSandbox(async () => done({})),
    clock: systemClock,
    tracer: noTracer,
    openFunctions: () => ({ onCall: async () => true, counts: () => ({ notesRead: 0, notesWritten: 0 }) }),
    systemPrompt: () => 'You keep notes.',
    filters: () => '',
    onQueueWait: (waitMs) => waits.push(waitMs),
    onQueueRejected: (reason) => rejected.push(reason),
  };
  return { service: new AgentService({ maxConcurrentRuns: 1, maxQueuedRuns: 1 }, ports), waits, rejected };
}

function ask(signal = new AbortController().signal): AgentRequest {
  return {
    requestId: 'r',
    question: 'q',
    principal: localPrincipal,
    auditCall: testAuditCall,
    signal,
    onProgress() {},
  };
}

test('one after another, the surplus refused', async () => {
  const gate = Promise.withResolvers<void>();
  const { service, waits, rejected } = createService([
    async () => {
      await gate.promise;
      return reply('first');
    },
    reply('second'),
  ]);
  const first = service.ask(ask());
  const second = service.ask({ ...ask(), principal: { ...localPrincipal, id: 'b' } });
  const third = service.ask({ ...ask(), principal: { ...localPrincipal, id: 'b' } });
  await assert.rejects(third, { code: 'QUEUE_FULL' });
  assert.equal(service.refusalOf({ ...localPrincipal, id: 'b' })?.code, 'QUEUE_FULL');
  assert.deepEqual([service.queueDepth, service.activeRuns], [1, 1]);
  gate.resolve();
  assert.deepEqual([(await first).reply, (await second).reply], ['first', 'second']);
  assert.equal(waits.length, 2);
  assert.deepEqual(rejected, ['queue_full', 'queue_full']);
  assert.equal(service.refusalOf({ ...localPrincipal, id: 'b' }), null);
  assert.deepEqual([service.queueDepth, service.activeRuns], [0, 0]);
  await service[Symbol.asyncDispose]();
});

test('the deadline counts the wait in the queue', async () => {
  const { service, rejected } = createService([{ hang: 'until-aborted' }], 60);
  const first = assert.rejects(service.ask(ask()), { code: 'DEADLINE_EXCEEDED' });
  const soon = { ...ask(), deadlineAtMs: systemClock.monotonicMs() + 20 };
  await assert.rejects(service.ask(soon), { code: 'DEADLINE_EXCEEDED', message: /waited too long/ });
  await first;
  assert.deepEqual(rejected, ['deadline_exceeded']);
  await service[Symbol.asyncDispose]();
});

test('drain: waiters are refused, the running one may finish, after the deadline it is ended', async () => {
  const gate = Promise.withResolvers<void>();
  const { service } = createService([
    async () => {
      await gate.promise;
      return reply('finished');
    },
  ]);
  const running = service.ask(ask());
  const waiting = assert.rejects(service.ask(ask()), { code: 'DRAINING' });
  const drained = service.drain(5000);
  await waiting;
  await assert.rejects(service.ask(ask()), { code: 'DRAINING' });
  gate.resolve();
  assert.equal((await running).reply, 'finished');
  await drained;

  const stuck = createService([{ hang: 'forever' }]);
  const ended = assert.rejects(stuck.service.ask(ask()), { code: 'DRAINING' });
  await stuck.service.drain(20);
  await ended;
});

test("the operator's prompt is read as it is; a file that can't be used names key and fix", async () => {
  const directory = await mkdtemp(join(tmpdir(), 'prompt-'));
  try {
    const path = join(directory, 'prompt.md');
    await writeFile(path, 'My prompt.\n');
    assert.equal(readSystemPromptFile(path), 'My prompt.\n');
    await writeFile(path, ' \n');
    assert.throws(() => readSystemPromptFile(path), { code: 'CONFIG_INVALID', message: /system_prompt_file is empty/ });
    assert.throws(() => readSystemPromptFile(join(directory, 'none')), {
      code: 'CONFIG_INVALID',
      message: /cannot be read/,
    });
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('an operator sees what is in flight, never what was asked, and ends what waits and what runs', async () => {
  const { service } = createService([{ hang: 'until-aborted' }]);
  const running = service.ask({ ...ask(), requestId: 'r1', question: 'a secret question' });
  const waiting = service.ask({ ...ask(), requestId: 'r2', principal: { ...localPrincipal, id: 'b' } });
  await until('the first runs', () => service.runs()[0]?.state === 'running');
  assert.deepEqual(
    service.runs().map(({ id, keyId, state, turns }) => [id, keyId, state, turns]),
    [
      ['r1', 'local', 'running', 0],
      ['r2', 'b', 'queued', 0],
    ],
  );
  assert.ok(!JSON.stringify(service.runs()).includes('secret'));
  const { running: places, waitingByPrincipal } = service.queueFigures();
  assert.deepEqual([places, waitingByPrincipal.map(({ id }) => id)], [1, ['b']]);
  assert.equal(service.cancelRun('r2'), true);
  await assert.rejects(waiting, { code: 'CANCELLED', message: 'An operator ended this question' });
  assert.equal(service.cancelRun('r1'), true);
  await assert.rejects(running, { code: 'CANCELLED', message: 'An operator ended this question' });
  assert.equal(service.cancelRun('r1'), false);
  assert.deepEqual([service.runs(), service.activeRuns], [[], 0]);
});
