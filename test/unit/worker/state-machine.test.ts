// The states that may follow each other, and the bell that a loop sleeps by.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDoorbell } from '../../../src/worker/doorbell.ts';
import { createStateMachine } from '../../../src/worker/state-machine.ts';
import { TurnedClock } from '../worker-watch/turned-clock.ts';

test('each change is told once, the same state again only changes its reason', () => {
  const told: string[] = [];
  const clock = new TurnedClock();
  const machine = createStateMachine(clock, (from, to, reason) => void told.push(`${from} ${to} ${reason}`));
  machine.enter('starting', 'a');
  const { sinceMs } = machine;
  clock.forward(10);
  machine.enter('starting', 'b');
  assert.deepEqual([machine.state, machine.reason, machine.sinceMs], ['starting', 'b', sinceMs]);
  machine.enter('loading', 'c');
  assert.equal(machine.sinceMs, sinceMs + 10);
  assert.deepEqual(told, ['stopped starting a', 'starting loading c']);
});

test('what never follows is a defect', () => {
  const machine = createStateMachine(new TurnedClock(), () => undefined);
  assert.throws(() => machine.enter('ready', ''), { code: 'INTERNAL' });
  assert.equal(machine.state, 'stopped');
});

test('a ring while nobody waits is kept, an abort ends a wait, time ends it too', async () => {
  const bell = createDoorbell();
  const { signal } = new AbortController();
  bell.ring();
  const startedMs = performance.now();
  await bell.wait(60_000, signal);
  const waiting = bell.wait(60_000, signal);
  bell.ring();
  await waiting;
  const leaving = new AbortController();
  const left = bell.wait(60_000, leaving.signal);
  leaving.abort();
  await left;
  await bell.wait(60_000, leaving.signal);
  await bell.wait(10, signal);
  assert.ok(performance.now() - startedMs < 30_000);
});
