// The upkeep by itself: it verifies, prunes and rolls up, one after the other, tells what fails, and stops at once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startUpkeep, type UpkeepOptions } from '../../../src/daemon/start-upkeep.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { until } from '../../helpers/until.ts';

function options(events: string[], more: Partial<UpkeepOptions> = {}): UpkeepOptions {
  return {
    clock: systemClock,
    settings: () => ({ verifyIntervalHours: 1, retentionDays: 30, archiveDirectory: '/a' }),
    async verify() {
      events.push('verify');
      return { ok: true, records: 1 };
    },
    async prune({ archiveDirectory }) {
      events.push(`prune to ${archiveDirectory}`);
      return { removed: 1, archive: 'x' };
    },
    rollUpUsage: async () => void events.push('roll up'),
    onVerified: async ({ ok }) => void events.push(`verified ${ok}`),
    onPruned: ({ removed }) => void events.push(`pruned ${removed}`),
    onProblem: ({ code }) => void events.push(code),
    firstLookMs: 1,
    lookEveryMs: 5,
    ...more,
  };
}

test('each look rolls up and prunes; the chain is verified once an interval', async () => {
  const events: string[] = [];
  await using _upkeep = startUpkeep(options(events));
  await until('three looks', () => events.filter((event) => event === 'roll up').length >= 3);
  assert.deepEqual(events.slice(0, 6), ['roll up', 'prune to /a', 'pruned 1', 'verify', 'verified true', 'roll up']);
  assert.equal(events.filter((event) => event === 'verify').length, 1);
});

test('a failure is told, does not stop the others, and is tried again', async () => {
  const events: string[] = [];
  const fail = (): Promise<never> => Promise.reject(new Error('planted'));
  await using _upkeep = startUpkeep(options(events, { prune: fail, verify: fail }));
  await until('two looks', () => events.filter((event) => event === 'INTERNAL').length >= 4);
  assert.deepEqual(events.slice(0, 4), ['roll up', 'INTERNAL', 'INTERNAL', 'roll up']);
});

test('a stop in the middle of a verification does not wait for its end', async () => {
  const events: string[] = [];
  const upkeep = startUpkeep(
    options(events, {
      async verify({ isStopped }) {
        events.push('verify');
        await until('it is stopped', () => isStopped?.() === true);
        return { ok: true, records: 0 };
      },
    }),
  );
  await until('it verifies', () => events.includes('verify'));
  await upkeep[Symbol.asyncDispose]();
  assert.equal(events.includes('verified true'), false);
});
