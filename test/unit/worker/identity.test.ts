// The record of who was started, and the sweep that goes by it: ours ends, a stranger with the same number does not.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { createIdentityFile } from '../../../src/worker/identity-file.ts';
import { findFamily, MARK_VARIABLE } from '../../../src/worker/process-family.ts';
import { readProcess } from '../../../src/worker/process-table.ts';
import { sweepLeftWorker, sweepWorker } from '../../../src/worker/sweep-worker.ts';
import { tempDirectory } from '../../helpers/run-main.ts';

const FACTS = {
  startToken: '',
  gpuUsedBytes: 7,
  profile: 'vllm',
  baseUrl: 'unix:/x',
  startedIso: '2026-01-01T00:00:00Z',
};

function startSleeper(mark: string | null): { pid: number; startToken: string; ended: Promise<unknown> } {
  const env = mark === null ? {} : { [MARK_VARIABLE]: mark };
  const child = spawn('/bin/sleep', ['60'], { detached: true, stdio: 'ignore', env });
  const pid = child.pid ?? 0;
  return { pid, startToken: readProcess(pid)?.startToken ?? '', ended: once(child, 'exit') };
}

test('a whole file, for the owner only; one of another boot or half a one accuses nobody', () => {
  using home = tempDirectory();
  const file = createIdentityFile(`${home.path}/run`, 'worker');
  assert.equal(file.read(), null);
  file.write({ ...FACTS, mark: randomUUID(), pid: 4711 });
  const path = `${home.path}/run/worker.worker.json`;
  assert.equal(file.read()?.pid, 4711);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(`${home.path}/run`).mode & 0o777, 0o700);
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace(/"bootId":"[^"]*"/, '"bootId":"another"'));
  assert.equal(file.read(), null);
  writeFileSync(path, text.slice(0, 40));
  assert.equal(file.read(), null);
  file.write({ ...FACTS, mark: randomUUID(), pid: null });
  file.remove();
  file.remove();
  assert.equal(file.read(), null);
});

test('an identity that can’t be written is an error with the fix', () => {
  using home = tempDirectory();
  writeFileSync(`${home.path}/run`, 'a file where a directory should be');
  assert.throws(
    () => createIdentityFile(`${home.path}/run`, 'worker').write({ ...FACTS, mark: randomUUID(), pid: 1 }),
    {
      code: 'WORKER_FAILED',
      hint: /Make .* writable/,
    },
  );
});

test('the sweep ends the recorded process and forgets it', async () => {
  using home = tempDirectory();
  mkdirSync(`${home.path}/run`);
  const identityFile = createIdentityFile(`${home.path}/run`, 'worker');
  const mark = randomUUID();
  const { pid, startToken, ended } = startSleeper(mark);
  identityFile.write({ ...FACTS, mark, pid, startToken });
  assert.deepEqual(await sweepWorker({ identityFile, findFamily, graceMs: 2000 }), { processes: 1, gpuUsedBytes: 7 });
  await ended;
  assert.equal(identityFile.read(), null);
  assert.equal(await sweepWorker({ identityFile, findFamily, graceMs: 2000 }), null);
});

test('a record from before there was a pid finds what carries the mark', async () => {
  using home = tempDirectory();
  const identityFile = createIdentityFile(home.path, 'worker');
  const mark = randomUUID();
  const { ended } = startSleeper(mark);
  identityFile.write({ ...FACTS, mark, pid: null });
  const swept = await sweepLeftWorker({ runtimeDirectory: home.path, name: 'worker', graceMs: 2000 });
  assert.equal(swept?.processes, 1);
  await ended;
});

test('a number that was given away again is not touched', async () => {
  using home = tempDirectory();
  const identityFile = createIdentityFile(home.path, 'worker');
  const { pid, ended } = startSleeper(null);
  identityFile.write({ ...FACTS, mark: randomUUID(), pid, startToken: '1' });
  assert.equal(await sweepWorker({ identityFile, findFamily, graceMs: 2000 }), null);
  assert.ok(readProcess(pid)?.isZombie === false);
  process.kill(pid, 'SIGKILL');
  await ended;
});

test('while another supervisor lives, its engine is not ours to end', async () => {
  using home = tempDirectory();
  const identityFile = createIdentityFile(home.path, 'worker');
  const mark = randomUUID();
  const engine = startSleeper(mark);
  const supervisor = startSleeper(null);
  identityFile.write({ ...FACTS, mark, pid: engine.pid, startToken: engine.startToken });
  const path = `${home.path}/worker.worker.json`;
  const identity = JSON.parse(readFileSync(path, 'utf8')) as object;
  writeFileSync(
    path,
    JSON.stringify({ ...identity, supervisor: { pid: supervisor.pid, startToken: supervisor.startToken } }),
  );
  await assert.rejects(sweepWorker({ identityFile, findFamily, graceMs: 2000 }), {
    code: 'WORKER_FAILED',
    message: `Another process supervises this worker (pid ${supervisor.pid})`,
  });
  assert.ok(readProcess(engine.pid)?.isZombie === false);
  process.kill(supervisor.pid, 'SIGKILL');
  await supervisor.ended;
  assert.equal((await sweepWorker({ identityFile, findFamily, graceMs: 2000 }))?.processes, 1);
  await engine.ended;
});

test('what does not end keeps its record, and no other is started beside it', async () => {
  using home = tempDirectory();
  const identityFile = createIdentityFile(home.path, 'worker');
  const immortal = readProcess(process.pid);
  assert.ok(immortal !== null);
  identityFile.write({ ...FACTS, mark: randomUUID(), pid: 999_999_999 });
  let looks = 0;
  // Somebody whom no signal reaches: a row that stays, with a number that nobody has.
  const findImmortal = (): (typeof immortal)[] => {
    looks += 1;
    return [{ ...immortal, pid: 999_999_999, groupId: 999_999_999 }];
  };
  await assert.rejects(sweepWorker({ identityFile, findFamily: findImmortal, graceMs: 100, killWaitMs: 300 }), {
    code: 'WORKER_FAILED',
    message: /pid 999999999/,
  });
  assert.ok(looks > 3);
  assert.notEqual(identityFile.read(), null);
});
