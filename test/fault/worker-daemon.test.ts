// The daemon while its model worker crashes, hangs, is killed or outlives it: it answers throughout, and leaves nothing behind.
// MEMA_FULL=1 runs 200 crashes in a row instead of 15.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { callTool, postJson, type ToolAnswer } from '../helpers/call-tool.ts';
import { isAlive, workerPlace, zombiesOf, type WorkerDaemon } from '../helpers/worker-daemon.ts';

const CRASHES = process.env['MEMA_FULL'] === '1' ? 200 : 15;

const ask = (daemon: WorkerDaemon, question: string): Promise<ToolAnswer> =>
  callTool({ url: daemon.url, key: daemon.keys.client }, 'use_memory_agent', { question });

test(
  `${CRASHES} crashes in a row: the daemon answers throughout and is well again when the engine is`,
  { timeout: 900_000 },
  async (context) => {
    using place = workerPlace({
      faults: { crashStarts: { count: null, file: '', exitCode: 3 } },
      config: ['worker.restart_budget = -1'],
    });
    place.setFaults({ crashAtStart: 3 });
    await using daemon = await place.start();
    let asked = 0;
    const deadline = performance.now() + CRASHES * 4000;
    while (place.starts().length < CRASHES && performance.now() < deadline) {
      const answer = await ask(daemon, `what do you know about me, number ${asked}?`);
      assert.ok(answer.ok, answer.text);
      assert.equal(answer.structured['backend'], 'builtin');
      asked += 1;
      await sleep(100);
    }
    const starts = place.starts();
    assert.ok(starts.length >= CRASHES, `only ${starts.length} starts`);
    const gaps = starts.slice(8).map(({ atMs }, index) => atMs - (starts[index + 7]?.atMs ?? atMs));
    assert.ok(Math.max(...gaps) <= 2000 + 3000, `back-off beyond its cap: ${Math.max(...gaps)} ms`);
    assert.ok(Math.max(...gaps) - Math.min(...gaps) > 50, 'the back-off has no jitter');
    place.setFaults({});
    const wellMs = performance.now();
    await daemon.workerUntil(({ state }) => state === 'ready');
    const recoveryMs = performance.now() - wellMs;
    const answer = await ask(daemon, 'and now?');
    assert.equal(answer.text, 'you asked: and now?');
    assert.equal(answer.structured['degraded'], false);
    const pids = place.starts().map(({ pid }) => pid);
    assert.deepEqual(zombiesOf(daemon.pid, pids), []);
    assert.equal(pids.filter(isAlive).length, 1);
    await daemon.stop();
    assert.deepEqual(pids.filter(isAlive), []);
    context.diagnostic(
      `${starts.length} crashes, ${asked} questions answered, well again after ${Math.round(recoveryMs)} ms`,
    );
    assert.ok(recoveryMs <= 5000 * 3, `recovery took ${recoveryMs} ms`);
  },
);

test('by policy without builtin: 503 and when to come back', { timeout: 60_000 }, async () => {
  using place = workerPlace({
    faults: { crashAtStart: 3 },
    config: ['worker.backoff_first_ms = 2000', 'model.fallback = "none"', 'model.wait_for_worker_ms = 200'],
  });
  await using daemon = await place.start();
  await daemon.workerUntil(({ state }) => state === 'backoff');
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call' };
  const params = { name: 'use_memory_agent', arguments: { question: 'anybody there?' } };
  const response = await postJson({ url: daemon.url, key: daemon.keys.client }, JSON.stringify({ ...call, params }));
  assert.equal(response.status, 503);
  assert.ok(Number(response.headers.get('retry-after')) >= 1);
  assert.match(await response.text(), /MODEL_UNAVAILABLE/);
  const search = await callTool({ url: daemon.url, key: daemon.keys.client }, 'search', { query: 'anything' });
  assert.ok(search.ok, 'what needs no model still answers');
});

test(
  'the default budget ends in a crash loop, with single trials, until an operator says otherwise',
  { timeout: 60_000 },
  async () => {
    using place = workerPlace({
      faults: { crashAtStart: 3 },
      config: ['worker.backoff_first_ms = 10', 'worker.backoff_max_ms = 50', 'worker.trial_ms = 1500'],
    });
    await using daemon = await place.start();
    const status = await daemon.workerUntil(({ state }) => state === 'crash_loop');
    const atLoop = place.starts().length;
    assert.equal(atLoop, 6, 'one start and five restarts');
    assert.ok((status.retryInMs ?? 0) > 0 && (status.retryInMs ?? 0) <= 1500);
    assert.ok(
      status.lastFailure !== null && status.lastFailure.logTail.length > 0,
      'the last lines of its log are kept',
    );
    await daemon.workerUntil(() => place.starts().length > atLoop, 6000);
    const readyz = await fetch(`${daemon.opsUrl}/readyz`);
    assert.equal(readyz.status, 200, 'builtin still answers');
    place.setFaults({});
    const restart = await daemon.admin('POST', '/worker/restart');
    assert.equal(restart.status, 200);
    await daemon.workerUntil(({ state }) => state === 'ready', 5000);
  },
);

test('a changed configuration ends a crash loop too', { timeout: 60_000 }, async () => {
  using place = workerPlace({
    faults: { crashAtStart: 3 },
    config: ['worker.backoff_first_ms = 10', 'worker.backoff_max_ms = 50'],
  });
  await using daemon = await place.start();
  await daemon.workerUntil(({ state }) => state === 'crash_loop');
  place.setFaults({});
  place.setConfig(['worker.backoff_first_ms = 10', 'worker.backoff_max_ms = 60']);
  daemon.kill('SIGHUP');
  await daemon.workerUntil(({ state }) => state === 'ready', 5000);
});

test(
  'a hang with green health is found, killed with its children, replaced; the question is answered',
  { timeout: 60_000 },
  async (context) => {
    using place = workerPlace({ config: ['model.wait_for_worker_ms = 20000'] });
    const pidFile = join(place.path, 'stray.pid');
    place.setFaults({ children: [{ pidFile, setsid: true, ignoresSigterm: true }] });
    await using daemon = await place.start();
    const { pid } = await daemon.workerUntil(({ state }) => state === 'ready');
    const stray = Number(readFileSync(pidFile, 'utf8'));
    assert.ok(isAlive(stray));
    place.setFaults({});
    const engine = await daemon.engine();
    await engine.setFaults({ hang: true });
    const hungMs = performance.now();
    const answering = ask(daemon, 'are you stuck?');
    await daemon.workerUntil((status) => status.lastFailure?.kind === 'stall', 10_000);
    const foundMs = performance.now() - hungMs;
    assert.equal((await fetch(`${daemon.opsUrl}/livez`)).status, 200);
    const answer = await answering;
    assert.ok(answer.ok, answer.text);
    assert.notEqual(answer.text, '');
    const status = await daemon.workerUntil(({ state }) => state === 'ready');
    assert.notEqual(status.pid, pid);
    assert.ok(!isAlive(pid ?? 0) && !isAlive(stray), 'the old one and what it left are gone');
    context.diagnostic(
      `stall_ms 1000: found after ${Math.round(foundMs)} ms; ${String(answer.structured['backend'])} answered`,
    );
    assert.ok(foundMs <= 1000 + 2000 + 1500, `found after ${foundMs} ms`);
  },
);

test(
  'SIGKILL of the worker mid-answer: the next answer comes at once when it is ready',
  { timeout: 60_000 },
  async (context) => {
    const slow = { text: '<think>x</think>\n<python></python>\n<reply>slow $1</reply>', chunkDelayMs: 40 };
    using place = workerPlace({ script: { rules: [{ pattern: '^(.*)$', replies: [slow] }] } });
    await using daemon = await place.start();
    const { pid } = await daemon.workerUntil(({ state }) => state === 'ready');
    const answering = ask(daemon, 'one');
    await daemon.workerUntil(({ state }) => state === 'busy');
    process.kill(pid ?? 0, 'SIGKILL');
    const answer = await answering;
    assert.ok(answer.ok, answer.text);
    await daemon.workerUntil((status) => status.state === 'ready' && status.pid !== pid);
    const startedMs = performance.now();
    const next = await ask(daemon, 'two');
    assert.equal(next.text, 'slow two');
    context.diagnostic(
      `answered ${Math.round(performance.now() - startedMs)} ms after ready (the answer itself takes 0.6 s)`,
    );
  },
);

test(
  'SIGKILL of the daemon: the old worker is found and ended before a new one starts',
  { timeout: 60_000 },
  async () => {
    using place = workerPlace();
    const first = await place.start();
    const { pid: old } = await first.workerUntil(({ state }) => state === 'ready');
    first.kill('SIGKILL');
    await first.exited;
    assert.ok(isAlive(old ?? 0), 'nobody was there to end it');
    await using second = await place.start();
    const { pid } = await second.workerUntil(({ state }) => state === 'ready');
    assert.notEqual(pid, old);
    assert.ok(!isAlive(old ?? 0));
    assert.equal((await ask(second, 'hello?')).text, 'you asked: hello?');
    await first[Symbol.asyncDispose]();
  },
);
