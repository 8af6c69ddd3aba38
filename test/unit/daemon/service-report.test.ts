// What the service manager hears: a status that follows the daemon, beats while its parts work, and a name when one stands still.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SdNotify } from '../../../src/daemon/sd-notify.ts';
import { startServiceReport, type Heart } from '../../../src/daemon/service-report.ts';
import { describeStatus } from '../../../src/daemon/status-line.ts';

const PERIOD_MS = 200;

function recorder(watchdogMs: number | undefined): { notify: SdNotify; said: string[] } {
  const said: string[] = [];
  const notify: SdNotify = {
    isHeard: true,
    watchdogMs,
    ready: () => undefined,
    status: (line) => void said.push(line),
    extendTimeout: () => undefined,
    reloading: () => undefined,
    stopping: () => undefined,
    watchdog: () => void said.push('beat'),
    triggerWatchdog: (line) => void said.push(`trigger: ${line}`),
    [Symbol.dispose]: () => undefined,
  };
  return { notify, said };
}

function watch(hearts: readonly Heart[], watchdogMs?: number): Disposable & { said: string[] } {
  const { notify, said } = recorder(watchdogMs);
  const report = startServiceReport({
    notify,
    hearts,
    describe: () => 'ready',
    onStandstill: (part) => void said.push(`standstill: ${part}`),
  });
  return { said, [Symbol.dispose]: () => report[Symbol.dispose]() };
}

const count = (said: readonly string[], what: string): number => said.filter((entry) => entry === what).length;

test('at least two beats a period while every part works; a part that fails still works', async () => {
  using watched = watch(
    [
      { name: 'writer', beat: async () => undefined },
      { name: 'full disk', beat: () => Promise.reject(new Error('no space')) },
    ],
    PERIOD_MS,
  );
  await sleep(PERIOD_MS * 5);
  assert.ok(count(watched.said, 'beat') >= 10, String(watched.said));
  assert.ok(!watched.said.some((entry) => entry.startsWith('trigger')));
});

test('a part that never ends its piece of work stops the beats and is named, once', async () => {
  using watched = watch(
    [
      { name: 'writer', beat: async () => undefined },
      { name: 'supervisor', beat: () => new Promise(() => undefined) },
    ],
    PERIOD_MS,
  );
  await sleep(PERIOD_MS * 4);
  assert.deepEqual(watched.said.slice(-2), ['standstill: supervisor', 'trigger: supervisor stands still']);
  assert.ok(count(watched.said, 'beat') <= 5, String(watched.said));
});

test('a blocked event loop is no standstill of a part', async () => {
  using watched = watch([{ name: 'writer', beat: () => sleep(5) }], PERIOD_MS);
  await sleep(PERIOD_MS / 8);
  const until = performance.now() + PERIOD_MS * 3;
  while (performance.now() < until);
  await sleep(PERIOD_MS);
  assert.ok(!watched.said.some((entry) => entry.startsWith('trigger')), String(watched.said));
});

test('without a watchdog there are no beats', async () => {
  using watched = watch([{ name: 'writer', beat: async () => undefined }], undefined);
  await sleep(20);
  assert.deepEqual(watched.said, []);
});

test('the status line names what does not work and why', () => {
  const at = '2026-11-20T12:00:00.000Z';
  const components = {
    audit: { state: 'ok', reason: 'writes are durable', sinceIso: at },
    model: { state: 'starting', reason: 'vllm loads its weights', sinceIso: at },
    queue: { state: 'ok', reason: '1 running, 0 waiting', sinceIso: at },
  } as const;
  assert.equal(
    describeStatus('ready', components),
    'ready; 1 running, 0 waiting; model starting: vllm loads its weights',
  );
});
