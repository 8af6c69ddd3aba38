// Time, memory, output and life: what goes over a ceiling is killed with all it started, and the run goes on.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { createSandbox } from '../../../src/sandbox/create-sandbox.ts';
import type { KernelWall } from '../../../src/sandbox/kernel-wall.ts';
import type { OnCall, SandboxRun } from '../../../src/sandbox/sandbox.ts';
import { snapshotKey } from '../../../src/sandbox/snapshot.ts';
import { SANDBOX_CACHE } from '../../helpers/sandbox-cache.ts';
import { listEngines } from '../../helpers/sandbox-engines.ts';

const { signal } = new AbortController();
const onCall: OnCall = () => Promise.resolve(null);
async function killed(run: SandboxRun, code: string, timeoutMs = 10_000): Promise<string> {
  const outcome = await run.execute(code, { timeoutMs, signal });
  assert.ok(outcome.kind === 'killed', JSON.stringify(outcome).slice(0, 300));
  return outcome.reason;
}

for (const engine of await listEngines()) {
  describe(engine.name, () => {
    const sandbox = createSandbox({ ...engine.options, maxProcesses: 2 });
    after(() => sandbox[Symbol.asyncDispose]());

    test('endless loops, floods and fatal recursion are killed; the next block gets a new interpreter', async () => {
      await using run = await sandbox.openRun({ onCall, signal });
      assert.equal(
        await killed(run, 'while True:\n    try:\n        while True: pass\n    except BaseException: pass', 200),
        'timeout',
      );
      assert.equal(await killed(run, 'import posix\nposix.write(1, b"not a message\\n")\nread_file("x")'), 'crash');
      assert.equal(await killed(run, 'import posix\nwhile True: posix.write(1, b"x" * 65536)'), 'output');
      if (engine.name === 'wasm') {
        const fatal = 'import sys\nsys.setrecursionlimit(10**8)\ndef f(): return [f()]\nf()';
        assert.equal(await killed(run, fatal), 'crash');
      }
      const next = await run.execute('x = 1', { timeoutMs: 5000, signal });
      assert.ok(next.kind === 'done');
    });

    test('a tree that holds too much memory is killed', async () => {
      await using small = createSandbox({
        ...engine.options,
        rssLimitBytes: 300 * 1024 * 1024,
        memoryBytes: 1024 * 1024 * 1024,
      });
      await using run = await small.openRun({ onCall, signal });
      assert.equal(await killed(run, 'x = bytearray(b"x") * 400_000_000\nwhile True: pass'), 'memory');
    });

    test('cancelling ends the block and its process', async () => {
      const controller = new AbortController();
      await using run = await sandbox.openRun({ onCall, signal });
      const block = run.execute('while True: pass', { timeoutMs: 10_000, signal: controller.signal });
      setTimeout(() => controller.abort(), 50);
      await assert.rejects(block, { code: 'CANCELLED' });
    });

    test('runs beyond the ceiling wait their turn, and can be cancelled while they wait', async () => {
      const first = await sandbox.openRun({ onCall, signal });
      await using second = await sandbox.openRun({ onCall, signal });
      const controller = new AbortController();
      const cancelled = sandbox.openRun({ onCall, signal: controller.signal });
      let opened = false;
      const third = sandbox.openRun({ onCall, signal }).then((run) => {
        opened = true;
        return run;
      });
      controller.abort();
      await assert.rejects(cancelled, { code: 'CANCELLED' });
      assert.equal(opened, false);
      assert.equal(sandbox.status().active, 2);
      await first[Symbol.asyncDispose]();
      await using run = await third;
      assert.ok((await run.execute('x = 1', { timeoutMs: 5000, signal })).kind === 'done');
      assert.ok((await second.execute('x = 1', { timeoutMs: 5000, signal })).kind === 'done');
    });
  });
}

test('without the required wall no Python runs, and the reason is said', async () => {
  await using refused = createSandbox({ require: 'kernel', cacheDirectory: SANDBOX_CACHE, kernelWalls: [] });
  await assert.rejects(refused.openRun({ onCall, signal }), { code: 'SANDBOX_UNAVAILABLE' });
  assert.equal(refused.status().state, 'refused');
  assert.match(refused.status().reason, /kernel wall is required but absent/);
});

test('a wall that lets the attacker through is found out', async () => {
  const sham: KernelWall = { name: 'unshare', wrap: (argv) => [...argv] };
  await using fooled = createSandbox({ require: 'kernel', cacheDirectory: SANDBOX_CACHE, kernelWalls: [sham] });
  await assert.rejects(fooled.openRun({ onCall, signal }), { code: 'SANDBOX_UNAVAILABLE' });
  assert.equal(fooled.status().walls.kernel, 'broken');
});

test('a first start builds the snapshot, a damaged one is built again, and nothing survives the end', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'mem-agent-sandbox-'));
  try {
    const damaged = join(directory, `sandbox-${snapshotKey()}-${'0'.repeat(64)}.snapshot`);
    writeFileSync(damaged, 'not the memory of an interpreter');
    const events: string[] = [];
    const fresh = createSandbox({
      require: 'none',
      engine: 'wasm',
      cacheDirectory: directory,
      kernelWalls: [],
      onEvent: (event) => events.push(event.type === 'snapshot' ? event.state : event.type),
    });
    const run = await fresh.openRun({ onCall, signal });
    assert.ok((await run.execute('x = 1', { timeoutMs: 5000, signal })).kind === 'done');
    await fresh[Symbol.asyncDispose]();
    await assert.rejects(run.execute('x = 1', { timeoutMs: 5000, signal }));
    await run[Symbol.asyncDispose]();
    assert.deepEqual(events.slice(0, 2), ['ready', 'self-test']);
    assert.equal(fresh.status().standby, 0);
    assert.equal(existsSync(damaged), false);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
