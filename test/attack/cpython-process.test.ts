// The process of the system's CPython from outside: what the kernel says it may do, and that it never outlives its run or its core.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { openCpythonEngine } from '../../src/sandbox/cpython-engine.ts';
import { createSandbox, type SandboxOptions } from '../../src/sandbox/create-sandbox.ts';
import { GuestProcess } from '../../src/sandbox/guest-process.ts';
import { listKernelWalls } from '../../src/sandbox/kernel-wall.ts';
import { listTree } from '../../src/sandbox/process-tree.ts';
import { SANDBOX_CACHE } from '../helpers/sandbox-cache.ts';
import { startSandboxUnit } from '../helpers/sandbox-unit.ts';
import { until } from '../helpers/until.ts';

const directory = mkdtempSync(join(tmpdir(), 'mem-agent-py-'));
const kernelWalls = listKernelWalls({ scratchDirectory: join(SANDBOX_CACHE, 'sandbox-root') });
const unit = await startSandboxUnit(directory);
const { signal } = new AbortController();
const onCall = (): Promise<null> => Promise.resolve(null);
const IN_UNIT: SandboxOptions = {
  engine: 'cpython',
  require: 'kernel',
  standby: 0,
  cacheDirectory: SANDBOX_CACHE,
  kernelWalls: [],
  socket: unit.socket,
};

after(async () => {
  await unit[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

for (const wall of kernelWalls) {
  test(`behind ${wall.name}: no capability, filtered calls, namespaces and limits of its own, three descriptors`, async () => {
    const engine = await openCpythonEngine({
      directory,
      candidates: [wall],
      memoryBytes: 1 << 28,
      python: '',
      socket: '',
    });
    assert.ok('startProcess' in engine, JSON.stringify(engine));
    const guest = new GuestProcess({
      link: engine.startProcess(),
      rssLimitBytes: 1 << 30,
      outputBytes: 1 << 20,
      readyTimeoutMs: 30_000,
    });
    try {
      await guest.ready;
      const pid = listTree(guest.pid ?? 0).at(-1);
      const read = (name: string): string => readFileSync(`/proc/${pid}/${name}`, 'utf8');
      const status = read('status');
      for (const line of [/^CapEff:\s0+$/m, /^CapBnd:\s0+$/m, /^NoNewPrivs:\s1$/m, /^Seccomp:\s2$/m, /^Threads:\s1$/m])
        assert.match(status, line);
      for (const name of ['user', 'mnt', 'pid', 'net', 'ipc', 'uts'])
        assert.notEqual(readlinkSync(`/proc/${pid}/ns/${name}`), readlinkSync(`/proc/self/ns/${name}`), name);
      assert.deepEqual(readdirSync(`/proc/${pid}/fd`), ['0', '1', '2']);
      assert.equal(read('environ').includes('MEM_AGENT'), false);
      const limits = read('limits');
      for (const line of [
        /^Max address space\s+268435456\s+268435456 /m,
        /^Max processes\s+0\s+0 /m,
        /^Max file size\s+0\s+0 /m,
        /^Max core file size\s+0\s+0 /m,
        /^Max open files\s+64\s+64 /m,
      ])
        assert.match(limits, line);
    } finally {
      await guest.kill();
    }
  });
}

describe('in a unit of its own', () => {
  test('a run is one process, gone when the run is', async () => {
    await using sandbox = createSandbox(IN_UNIT);
    {
      await using run = await sandbox.openRun({ onCall, signal });
      const outcome = await run.execute('x = 1', { timeoutMs: 5000, signal });
      assert.ok(outcome.kind === 'done');
      assert.equal(unit.running(), 1);
      assert.equal(sandbox.status().kernelWall, 'systemd');
    }
    await until('the process has ended', () => unit.running() === 0);
  });

  test('an endless block is ended with its process, and the run goes on in a new one', async () => {
    await using sandbox = createSandbox(IN_UNIT);
    await using run = await sandbox.openRun({ onCall, signal });
    // One call into C that holds the interpreter, so that nothing inside could end it.
    const endless = 'import re\nre.match("(a*)*b", "a" * 64)';
    const outcome = await run.execute(endless, { timeoutMs: 300, signal });
    assert.ok(outcome.kind === 'killed' && outcome.reason === 'timeout', JSON.stringify(outcome));
    await until('the process has ended', () => unit.running() === 0);
    const next = await run.execute('x = 2', { timeoutMs: 5000, signal });
    assert.ok(next.kind === 'done');
  });

  test('an interpreter that ends by itself is a crash, and the run goes on', async () => {
    await using sandbox = createSandbox(IN_UNIT);
    await using run = await sandbox.openRun({ onCall, signal });
    const outcome = await run.execute('import posix\nposix._exit(3)', { timeoutMs: 5000, signal });
    assert.ok(outcome.kind === 'killed' && outcome.reason === 'crash', JSON.stringify(outcome));
    assert.match(outcome.message, /unit closed the connection/);
    await until('the process has ended', () => unit.running() === 0);
    assert.ok((await run.execute('x = 2', { timeoutMs: 5000, signal })).kind === 'done');
  });

  test('a socket that nobody serves is no wall', async () => {
    const other = mkdtempSync(join(tmpdir(), 'mem-agent-dead-'));
    try {
      const dead = await startSandboxUnit(other);
      await dead[Symbol.asyncDispose]();
      const engine = await openCpythonEngine({
        directory,
        candidates: [],
        memoryBytes: 1 << 28,
        python: '',
        socket: dead.socket,
      });
      assert.ok('problem' in engine);
      assert.match(engine.problem, /^systemd does not work here: The sandbox unit: .*ECONNREFUSED/);
    } finally {
      rmSync(other, { recursive: true, force: true });
    }
  });
});

describe('a core that is killed takes its Python along', () => {
  for (const [name, options, count] of [
    ['behind the first wall', { ...IN_UNIT, kernelWalls: undefined, socket: '' }, null],
    ['in a unit', IN_UNIT, () => unit.running()],
  ] as const) {
    test(name, async () => {
      const helper = join(import.meta.dirname, '../helpers/endless-sandbox.ts');
      const core = spawn(process.execPath, ['--no-warnings', helper, JSON.stringify(options)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await new Promise((resolve) => {
        core.stdout.once('data', resolve);
      });
      const tree = listTree(core.pid ?? 0).slice(1);
      if (count !== null) assert.equal(count(), 1);
      else assert.ok(tree.length > 0);
      core.kill('SIGKILL');
      await until('the Python has ended', () =>
        count === null ? tree.every((pid) => !isRunning(pid)) : count() === 0,
      );
    });
  }
});

function isRunning(pid: number): boolean {
  try {
    return !/^State:\sZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
