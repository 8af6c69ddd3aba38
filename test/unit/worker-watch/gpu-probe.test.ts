// The GPU probe against programs that answer, lie, fail and hang in the place of nvidia-smi.
import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readGpus, startGpuWatch, waitForGpuMemory } from '../../../src/worker/gpu-probe.ts';
import { TurnedClock } from './turned-clock.ts';

const MIB = 1024 * 1024;
const A100 = '0, NVIDIA A100-SXM4-40GB, 1024, 40960, 37, 54';
let directory = '';

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gpu-probe-'));
});
after(() => rm(directory, { recursive: true, force: true }));

let count = 0;
async function program(body: string): Promise<string> {
  const path = join(directory, `smi-${count++}`);
  await writeFile(path, `#!/bin/sh\n${body}\n`);
  await chmod(path, 0o700);
  return path;
}

function table(...lines: string[]): Promise<string> {
  return program(`cat <<'END'\n${lines.join('\n')}\nEND`);
}

test('two GPUs, in bytes and ratios', async () => {
  const command = await table(
    A100,
    '1, NVIDIA GB10, [N/A], [N/A], [N/A], [N/A]',
    '3, Fast, Big Card, 5, 10, 100, [N/A]',
  );
  assert.deepEqual(await readGpus({ command, timeoutMs: 10_000 }), [
    {
      index: 0,
      name: 'NVIDIA A100-SXM4-40GB',
      memoryUsedBytes: 1024 * MIB,
      memoryTotalBytes: 40_960 * MIB,
      utilisationRatio: 0.37,
      temperatureCelsius: 54,
    },
    {
      index: 1,
      name: 'NVIDIA GB10',
      memoryUsedBytes: 0,
      memoryTotalBytes: 0,
      utilisationRatio: 0,
      temperatureCelsius: null,
    },
    {
      index: 3,
      name: 'Fast, Big Card',
      memoryUsedBytes: 5 * MIB,
      memoryTotalBytes: 10 * MIB,
      utilisationRatio: 1,
      temperatureCelsius: null,
    },
  ]);
});

test('it is asked exactly these columns', async () => {
  const command = await program(`printf '%s\\n' "$@" > ${directory}/argv`);
  await readGpus({ command, timeoutMs: 10_000 });
  assert.equal(
    await readFile(join(directory, 'argv'), 'utf8'),
    '--query-gpu=index,name,memory.used,memory.total,utilization.gpu,temperature.gpu\n--format=csv,noheader,nounits\n',
  );
});

test('no program, a failing one, one that lies or floods: no GPU and no error', async () => {
  const commands = [
    join(directory, 'missing'),
    await program('echo "NVIDIA-SMI has failed because it couldn\'t communicate with the NVIDIA driver"; exit 9'),
    await table('No devices were found'),
    await table(', , , , ,', 'x, y, z, 1, 2, 3', '-1, a, -5, 2, 3, 4'),
    await program('yes "0, A, 1, 2, 3, 4"'),
    directory,
    '',
    'nvidia\0smi',
  ];
  for (const command of commands) assert.deepEqual(await readGpus({ command, timeoutMs: 10_000 }), [], command);
});

test('one that hangs, deaf to SIGTERM, costs no more than the limit', async () => {
  const command = await program(`trap '' TERM\n(sleep 30 & wait)`);
  const startedMs = performance.now();
  assert.deepEqual(await readGpus({ command, timeoutMs: 200 }), []);
  assert.ok(performance.now() - startedMs < 5000);
});

test('the watch: empty at first, then the latest, old facts are none, and it ends', async () => {
  const clock = new TurnedClock();
  const command = await program(`echo x >> ${directory}/calls; echo "${A100}"`);
  {
    using watch = startGpuWatch({ intervalMs: 10, clock, command, timeoutMs: 10_000 });
    assert.deepEqual(watch.latest(), []);
    await eventually(async () => watch.latest().length === 1 && (await calls()) >= 3);
    assert.equal(watch.latest()[0]?.name, 'NVIDIA A100-SXM4-40GB');
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  const ended = await calls();
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(await calls(), ended);

  using slow = startGpuWatch({ intervalMs: 60_000, clock, command, timeoutMs: 10_000 });
  await eventually(() => slow.latest().length === 1);
  clock.forward(10 * 60_000);
  assert.deepEqual(slow.latest(), []);
});

async function calls(): Promise<number> {
  return (await readFile(join(directory, 'calls'), 'utf8').catch(() => '')).length / 2;
}

test('waiting for memory: back, not back in time, cancelled, no GPU at all', async () => {
  const signal = new AbortController().signal;
  const file = join(directory, 'used');
  await writeFile(file, '30000');
  const command = await program(`echo "0, A, $(cat ${file}), 40960, 0, 40"`);
  const wait = (timeoutMs: number, by = signal): Promise<boolean> =>
    waitForGpuMemory({ usedBeforeBytes: 1000 * MIB, timeoutMs, signal: by, command });
  assert.equal(await wait(300), false);
  const working = wait(60_000);
  await writeFile(file, '1100');
  assert.equal(await working, true);
  await writeFile(file, '30000');
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 100);
  assert.equal(await wait(60_000, controller.signal), false);
  const missing = { usedBeforeBytes: 0, timeoutMs: 60_000, signal, command: join(directory, 'missing') };
  assert.equal(await waitForGpuMemory(missing), true);
});

test('a hanging driver is not taken for memory that came back', async () => {
  const command = await program('sleep 30');
  const signal = new AbortController().signal;
  assert.equal(await waitForGpuMemory({ usedBeforeBytes: 0, timeoutMs: 300, signal, command }), false);
});

async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, 'did not happen');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
