// Who belongs to a started engine, and that all of them end: group, session, descendants, and those that left all three.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { endFamily } from '../../../src/worker/end-family.ts';
import { findFamily, isAlive, MARK_VARIABLE, type FamilyMark } from '../../../src/worker/process-family.ts';
import { parseProcStat, parsePsOutput, readProcess, readProcessTable } from '../../../src/worker/process-table.ts';
import { startWorkerProcess, type WorkerProcess } from '../../../src/worker/worker-process.ts';
import { until } from '../../helpers/until.ts';
import { zombies } from './zombies.ts';

async function start(
  script: string,
  notes: string[] = [],
): Promise<WorkerProcess & { mark: string; output(): string }> {
  const mark = randomUUID();
  let output = '';
  const child = await startWorkerProcess({
    executable: '/bin/sh',
    args: ['-c', script],
    env: { PATH: process.env['PATH'] ?? '' },
    workingDirectory: '',
    mark,
    onOutput: (_stream, chunk) => void (output += chunk.toString()),
    note: (text) => void notes.push(text),
  });
  return Object.assign(child, { mark, output: () => output });
}

const living = (family: FamilyMark): number => findFamily(family).length;

async function end(family: FamilyMark, options: { graceMs?: number; leaderFirst?: boolean } = {}): Promise<void> {
  assert.deepEqual(await endFamily({ family, findFamily, graceMs: 0, leaderFirst: false, ...options }), []);
}

test('children in the group, in another session, and orphaned ones are all found and ended', async () => {
  const child = await start('sleep 60 & setsid sleep 60 & (setsid sh -c "sleep 60 & sleep 60" &) ; wait');
  await until('five members and the shell', () => living(child.family) >= 6);
  const members = findFamily(child.family);
  assert.equal(members[0]?.pid, child.pid, 'the leader first');
  await end(child.family);
  assert.equal(living(child.family), 0);
  assert.equal((await child.exited).how, 'SIGKILL');
  assert.deepEqual(zombies(), []);
});

test('what a dead leader left is found by its mark, and vouches for its group', async () => {
  const child = await start('setsid sleep 60 & sleep 60 & env -i sleep 60 & exit 3');
  assert.deepEqual(await child.exited, { how: 'exit code 3', code: 3 });
  await until('three that were left', () => living(child.family) === 3);
  await end(child.family, { graceMs: 2000 });
  assert.equal(living(child.family), 0);
});

test('SIGTERM is enough for who hears it, and SIGKILL comes for who does not', async () => {
  const polite = await start('trap "exit 0" TERM; while :; do sleep 0.05; done');
  await until('it runs', () => isAlive(polite.family.leader ?? { pid: 0, startToken: '' }));
  await sleep(100);
  await end(polite.family, { graceMs: 10_000 });
  assert.equal((await polite.exited).how, 'exit code 0');
  const deaf = await start("trap '' TERM; echo deaf; while :; do sleep 0.05; done");
  await until('its trap is set', () => deaf.output().includes('deaf'));
  const startedMs = performance.now();
  await end(deaf.family, { graceMs: 300 });
  assert.ok(performance.now() - startedMs >= 300);
  assert.equal((await deaf.exited).how, 'SIGKILL');
});

test('a leader that looks after its own is told alone', async () => {
  const child = await start(
    'sh -c "trap \'echo told; exit\' TERM; while :; do sleep 0.05; done" & trap "exit 7" TERM; echo up; wait',
  );
  await until('both run', () => child.output().includes('up') && living(child.family) >= 2);
  await sleep(200);
  await end(child.family, { graceMs: 5000, leaderFirst: true });
  assert.equal((await child.exited).how, 'exit code 7');
});

test('a process with the leader’s number and another start is left alone', async () => {
  const stranger = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
  const pid = stranger.pid ?? 0;
  try {
    assert.equal(living({ mark: randomUUID(), leader: { pid, startToken: 'another' } }), 0);
    await end({ mark: randomUUID(), leader: { pid, startToken: 'another' } });
    assert.ok(readProcess(pid) !== null);
  } finally {
    stranger.kill('SIGKILL');
    await once(stranger, 'exit');
  }
});

test('this process and those above it are never members, not even if they carry the mark', () => {
  const own = readProcess(process.pid);
  assert.ok(own !== null);
  const family = {
    mark: randomUUID(),
    leader: { pid: own.parentPid, startToken: readProcess(own.parentPid)?.startToken ?? '' },
  };
  assert.ok(!findFamily(family).some((row) => row.pid === process.pid || row.pid === own.parentPid));
});

test('the engine is first in line when memory runs out', async () => {
  const notes: string[] = [];
  const child = await start('sleep 60', notes);
  const own = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'));
  const score = Number(readFileSync(`/proc/${child.pid}/oom_score_adj`, 'utf8'));
  assert.ok(notes.length === 1 || score === Math.min(1000, own + 300), `${score}, ${notes.join()}`);
  await end(child.family);
});

test('its own process group, its mark, nothing else of ours, no shell', async () => {
  const child = await start('sleep 60');
  assert.equal(readProcess(child.pid)?.groupId, child.pid);
  const environment = readFileSync(`/proc/${child.pid}/environ`, 'utf8').split('\0').filter(Boolean);
  assert.ok(environment.includes(`${MARK_VARIABLE}=${child.mark}`));
  assert.ok(!environment.some((entry) => entry.startsWith('NODE_')), environment.join(' '));
  await end(child.family);
});

test('what can’t be started says so with the fix', async () => {
  const options = {
    args: [],
    env: {},
    mark: randomUUID(),
    onOutput: (): void => undefined,
    note: (): void => undefined,
  };
  await assert.rejects(startWorkerProcess({ ...options, executable: '/nowhere/vllm', workingDirectory: '' }), {
    code: 'WORKER_FAILED',
    message: "/nowhere/vllm can't be started (ENOENT)",
    hint: /Install it, or set worker.command/,
  });
  await assert.rejects(startWorkerProcess({ ...options, executable: import.meta.filename, workingDirectory: '' }), {
    code: 'WORKER_FAILED',
    message: /EACCES/,
  });
});

test('rows of /proc and of ps', () => {
  const stat = `4711 (a) b (c) S 1 4700 4699 0 -1 4194560 1 0 0 0 12 30 5 6 20 0 1 0 987654 1 2 3`;
  assert.deepEqual(parseProcStat(stat), {
    pid: 4711,
    parentPid: 1,
    groupId: 4700,
    sessionId: 4699,
    startToken: '987654',
    cpuMs: 420,
    isZombie: false,
  });
  assert.equal(parseProcStat(''), null);
  const ps =
    '  501     1   501 Ss     1-02:03:04 Mon Jan  5 09:08:07 2026\n  777   501   501 Z+     0:01.50 Mon Jan  5 09:08:09 2026\n\n';
  assert.deepEqual(parsePsOutput(ps), [
    {
      pid: 501,
      parentPid: 1,
      groupId: 501,
      sessionId: 0,
      startToken: 'Mon Jan  5 09:08:07 2026',
      cpuMs: 93_784_000,
      isZombie: false,
    },
    {
      pid: 777,
      parentPid: 501,
      groupId: 501,
      sessionId: 0,
      startToken: 'Mon Jan  5 09:08:09 2026',
      cpuMs: 1500,
      isZombie: true,
    },
  ]);
  assert.ok(readProcessTable().some((row) => row.pid === process.pid));
});
