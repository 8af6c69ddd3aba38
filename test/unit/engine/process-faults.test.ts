// Engines as a supervisor starts them: commands on a PATH that live without a stdin, load slowly, crash, flood and leave children.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fakeEnvironment, installFakeCommands } from '../../helpers/engine/fake-commands.ts';
import type { EngineFaults } from '../../helpers/engine/engine-faults.ts';
import { isAlive } from '../../helpers/engine/fake-gpu.ts';
import { until } from '../../helpers/until.ts';
import { tempDirectory } from '../../helpers/run-main.ts';
import { spawnCommand, untilListening } from './spawned-command.ts';
import type { SpawnedCommand } from './spawned-command.ts';

interface Bench extends AsyncDisposable {
  path: string;
  /** `vllm serve` on a socket, with these faults. */
  start(faults: EngineFaults, env?: Record<string, string>): SpawnedCommand;
  baseUrl: string;
}

async function openBench(): Promise<Bench> {
  const directory = tempDirectory();
  const { vllm = '' } = installFakeCommands(directory.path);
  const socket = join(directory.path, 'v.sock');
  return {
    path: directory.path,
    baseUrl: `unix:${socket}`,
    start: (faults, env = {}) =>
      spawnCommand(vllm, ['serve', 'some/model', '--uds', socket, '--served-model-name', 'mem-agent'], {
        ...fakeEnvironment({ faults, startsFile: join(directory.path, 'starts') }),
        ...env,
      }),
    [Symbol.asyncDispose]: async () => directory[Symbol.dispose](),
  };
}

test('it lives with no stdin, and ends by itself', async () => {
  await using bench = await openBench();
  await using engine = bench.start({}, { MEMA_ENGINE_MAX_LIFE_MS: '3000' });
  const control = await untilListening(bench.baseUrl);
  assert.match(await control.get('/v1/models'), /"id":"mem-agent"/);
  const [start] = readFileSync(join(bench.path, 'starts'), 'utf8').trim().split('\n');
  assert.equal(
    (JSON.parse(start ?? '') as { pid: number }).pid,
    engine.process.pid,
    'the command is the engine itself',
  );
  assert.deepEqual(await engine.exited, [0, null]);
});

test('a slow load and a compile: nobody listens until both are over', async () => {
  await using bench = await openBench();
  const startedMs = performance.now();
  await using engine = bench.start({ loadMs: 400, compileMs: 600 });
  await untilListening(bench.baseUrl);
  assert.ok(performance.now() - startedMs >= 1000);
  assert.match(engine.output(), /\r[^\r]*100% Completed \| 20\/20/);
  await using silent = spawnCommand(join(bench.path, 'llama-server'), ['-m', 'x', '--port', '0'], {
    ...fakeEnvironment({ faults: { loadMs: 100, loadSilent: true, crashAtStart: 3, crashAtStartAfterMs: 50 } }),
  });
  assert.deepEqual(await silent.exited, [3, null]);
});

test('it crashes a number of times and is well then; the file of faults is read at each start', async () => {
  await using bench = await openBench();
  const counter = join(bench.path, 'count');
  const faultsFile = join(bench.path, 'faults.json');
  writeFileSync(faultsFile, JSON.stringify({ crashStarts: { count: 2, file: counter, exitCode: 9 } }));
  const env = { MEMA_ENGINE_FAULTS: `@${faultsFile}` };
  for (let start = 1; start <= 2; start += 1) {
    await using engine = bench.start({}, env);
    assert.deepEqual(await engine.exited, [9, null]);
    assert.match(engine.output(), /ERROR .*torch\.OutOfMemoryError/);
  }
  await using well = bench.start({}, env);
  await untilListening(bench.baseUrl);
  assert.equal(readFileSync(counter, 'utf8'), '...');
  well.process.kill('SIGTERM');
  assert.deepEqual(await well.exited, [0, null]);
  writeFileSync(faultsFile, JSON.stringify({ crashAtStart: 4 }));
  await using broken = bench.start({}, env);
  assert.deepEqual(await broken.exited, [4, null]);
});

test('it ignores SIGTERM as long as the fault holds', async () => {
  await using bench = await openBench();
  await using engine = bench.start({ ignoreSigterm: true });
  const control = await untilListening(bench.baseUrl);
  engine.process.kill('SIGTERM');
  await sleep(200);
  assert.equal(engine.process.exitCode, null);
  await control.setFaults({});
  engine.process.kill('SIGTERM');
  assert.deepEqual(await engine.exited, [0, null]);
});

test('a flood of about 10,000 lines a second, and its end', async () => {
  await using bench = await openBench();
  await using engine = bench.start({ logLinesPerSecond: 10_000 });
  const control = await untilListening(bench.baseUrl);
  const count = (): number => engine.output().split('\n').length;
  const lines = async (): Promise<number> => {
    const before = count();
    await sleep(300);
    return count() - before;
  };
  assert.ok((await lines()) > 300, 'the control: they come');
  await until('10,000 lines have come', () =>
    /WARNING \d\d-\d\d [\d:]+ \[scheduler\.py:\d+\] flood line 9999\n/.test(engine.output().slice(-1_000_000)),
  );
  await control.setFaults({});
  await until('no more come', async () => (await lines()) < 100);
});

test('children outlive it: in its group, in a session of their own, deaf to SIGTERM', async () => {
  await using bench = await openBench();
  const files = ['group', 'session'].map((name) => join(bench.path, name));
  const [group = '', session = ''] = files;
  await using engine = bench.start(
    { children: [{ pidFile: group }, { pidFile: session, setsid: true, ignoresSigterm: true }] },
    { MEMA_ENGINE_MAX_LIFE_MS: '60000' },
  );
  await untilListening(bench.baseUrl);
  const pids = files.map((file) => Number(readFileSync(file, 'utf8')));
  const [groupPid = 0, sessionPid = 0] = pids;
  try {
    assert.equal(groupOf(groupPid), engine.process.pid);
    assert.equal(groupOf(sessionPid), sessionPid);
    engine.process.kill('SIGKILL');
    await engine.exited;
    assert.deepEqual(pids.map(isAlive), [true, true]);
    process.kill(-Number(engine.process.pid), 'SIGTERM');
    await until('the child in the group is dead', () => !isAlive(groupPid));
    process.kill(sessionPid, 'SIGTERM');
    await sleep(100);
    assert.ok(isAlive(sessionPid));
  } finally {
    for (const pid of pids.filter(isAlive)) process.kill(pid, 'SIGKILL');
  }
});

/** The process group, from `/proc/PID/stat`. */
function groupOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[2]);
}
