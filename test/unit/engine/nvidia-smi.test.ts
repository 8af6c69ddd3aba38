// The stand-in for nvidia-smi: the figures of a file, and the memory of engines, also after their death.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { enginePrograms, fakeEnvironment, installFakeCommands } from '../../helpers/engine/fake-commands.ts';
import { oneGpu, writeFakeGpus } from '../../helpers/engine/fake-gpu.ts';
import { startEngine } from '../../helpers/engine/start-engine.ts';
import { tempDirectory } from '../../helpers/run-main.ts';

const QUERY = '--query-gpu=index,name,memory.used,memory.total,utilization.gpu,temperature.gpu';
const LINGER_MS = 2000;

test('figures, units, what is not known, and failure', async () => {
  using directory = tempDirectory();
  const gpuFile = join(directory.path, 'gpus.json');
  const smi = installFakeCommands(directory.path, { gpuFile })['nvidia-smi'] ?? '';
  const run = (...args: string[]): { status: number | null; stdout: string } =>
    spawnSync(smi, args, { encoding: 'utf8', env: {} });
  assert.equal(run(QUERY, '--format=csv,noheader,nounits').status, 9, 'no driver');

  writeFakeGpus(gpuFile, { gpus: [oneGpu, { ...oneGpu, index: 1, utilisationPercent: null, temperatureCelsius: 71 }] });
  assert.equal(
    run(QUERY, '--format=csv,noheader,nounits').stdout,
    '0, NVIDIA GeForce RTX 4090, 350, 24564, 12, 45\n1, NVIDIA GeForce RTX 4090, 350, 24564, [N/A], 71\n',
  );
  assert.equal(
    run('--query-gpu=index,memory.used', '--format=csv', '-i', '1').stdout,
    'index, memory.used [MiB]\n1, 350 MiB\n',
  );
  assert.match(run('--query-gpu=nonsense', '--format=csv').stdout, /Field "nonsense" is not a valid field to query/);
  writeFakeGpus(gpuFile, { gpus: [], failure: { message: 'Unable to determine the device handle', exitCode: 15 } });
  assert.deepEqual([run(QUERY).status, run(QUERY).stdout], [15, 'Unable to determine the device handle\n']);
});

test('an engine’s memory is used while it lives, and for a while after', async () => {
  using directory = tempDirectory();
  const gpuFile = join(directory.path, 'gpus.json');
  writeFakeGpus(gpuFile, { gpus: [oneGpu] });
  const env = fakeEnvironment({ gpuFile });
  const query = (what: string): string =>
    spawnSync(process.execPath, [enginePrograms.nvidiaSmi, what, '--format=csv,noheader,nounits'], {
      encoding: 'utf8',
      env,
    }).stdout;
  const usedMib = (): number => Number(query('--query-gpu=memory.used'));
  await using engine = await startEngine({ env, faults: { gpuMemoryMib: 8000, gpuLingerMs: LINGER_MS } });
  assert.equal(usedMib(), 8350);
  assert.equal(query('--query-compute-apps=pid,used_memory'), `${engine.process.pid}, 8000\n`);
  engine.process.kill('SIGKILL');
  await once(engine.process, 'exit');
  assert.equal(usedMib(), 8350);
  await sleep(LINGER_MS);
  assert.equal(usedMib(), 350);
});
