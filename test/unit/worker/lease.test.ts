// Leases, and the judgement of a load on a turned clock: progress of any kind keeps it alive, nothing at all ends it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLeases, createLoadWatch, readCompileHint, type LoadSample } from '../../../src/worker/lease.ts';
import { TurnedClock } from '../worker-watch/turned-clock.ts';

const NOTHING: LoadSample = { outputBytes: 0, cpuMs: 0, ioBytes: 0 };

test('the most telling lease shows, and each change is told once', () => {
  const told: unknown[] = [];
  const clock = new TurnedClock();
  const leases = createLeases(clock, (current) => void told.push(current));
  const releaseLoad = leases.hold('load');
  leases.hold('compile');
  leases.hold('compile');
  clock.forward(50);
  assert.equal(leases.heldForMs('compile'), 50);
  assert.equal(leases.heldForMs('sleep'), 0);
  leases.release('compile');
  releaseLoad();
  releaseLoad();
  assert.deepEqual(told, ['load', 'compile', 'load', null]);
});

for (const [kind, grow] of [
  ['a line now and then', { outputBytes: 100 }],
  ['CPU time', { cpuMs: 10_000 }],
  ['bytes read', { ioBytes: 50_000_000 }],
] as const) {
  test(`a load of an hour that shows ${kind} is not given up`, () => {
    const clock = new TurnedClock();
    const watch = createLoadWatch({ stallMs: 300_000, timeoutMs: 4_000_000, clock });
    let sample: LoadSample = NOTHING;
    for (let minutes = 0; minutes < 60; minutes += 1) {
      clock.forward(60_000);
      if (minutes % 4 === 0) {
        const more: Partial<LoadSample> = grow;
        sample = {
          outputBytes: sample.outputBytes + (more.outputBytes ?? 0),
          cpuMs: sample.cpuMs + (more.cpuMs ?? 0),
          ioBytes: sample.ioBytes + (more.ioBytes ?? 0),
        };
      }
      watch.look(sample, false);
      assert.equal(watch.verdict(), null);
    }
    assert.equal(watch.elapsedMs, 3_600_000);
  });
}

test('a process that only waits has its time and no more, also if it wakes a little', () => {
  const clock = new TurnedClock();
  const watch = createLoadWatch({ stallMs: 300_000, timeoutMs: 4_000_000, clock });
  for (let second = 1; second <= 300; second += 1) {
    clock.forward(1000);
    watch.look({ ...NOTHING, cpuMs: second * 10, ioBytes: second * 500 }, false);
    assert.equal(watch.verdict(), null);
  }
  clock.forward(1000);
  assert.match(watch.verdict() ?? '', /no progress for 300 s/);
});

test('under a compile lease silence is allowed, but not for ever', () => {
  const clock = new TurnedClock();
  const watch = createLoadWatch({ stallMs: 300_000, timeoutMs: 3_600_000, clock });
  for (let minutes = 0; minutes < 60; minutes += 1) {
    clock.forward(60_000);
    watch.look(NOTHING, true);
    assert.equal(watch.verdict(), null);
  }
  clock.forward(60_000);
  watch.look(NOTHING, true);
  assert.match(watch.verdict() ?? '', /not ready after 3600 s/);
});

test('what vLLM says of compiling is understood', () => {
  const begins = [
    "Using cache directory: /root/.cache/vllm/torch_compile_cache for vLLM's torch.compile",
    'Dynamo bytecode transform time: 5.31 s',
    'Compiling a graph for dynamic shape',
    'Capturing CUDA graphs (mixed prefill-decode, PIECEWISE):  40%|####      | 27/67',
  ];
  const ends = [
    'torch.compile takes 25.31 s in total',
    'Graph capturing finished in 12 secs, took 0.55 GiB',
    'init engine (profile, create kv cache, warmup model) took 45.10 seconds',
    'Application startup complete.',
  ];
  for (const line of begins) assert.equal(readCompileHint(line), 'begins', line);
  for (const line of ends) assert.equal(readCompileHint(line), 'ends', line);
  for (const line of ['Loading safetensors checkpoint shards:  50%', 'Avg prompt throughput: 3.1 tokens/s'])
    assert.equal(readCompileHint(line), null, line);
});

test('a line that says the first word of a hint again and again is read in one pass', { timeout: 20_000 }, () => {
  for (const word of ['compil', 'init engine ', 'captur']) assert.equal(readCompileHint(word.repeat(100_000)), null);
});
