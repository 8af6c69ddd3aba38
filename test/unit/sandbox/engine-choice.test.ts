// Which engine a machine gets, and that the system's CPython never runs without a kernel wall that was proven here.
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openCpythonEngine, type CpythonEngineOptions } from '../../../src/sandbox/cpython-engine.ts';
import { createSandbox, type SandboxOptions } from '../../../src/sandbox/create-sandbox.ts';
import { listKernelWalls, type KernelWall } from '../../../src/sandbox/kernel-wall.ts';
import type { SandboxStatus } from '../../../src/sandbox/sandbox.ts';
import { SANDBOX_CACHE } from '../../helpers/sandbox-cache.ts';
import { listEngines } from '../../helpers/sandbox-engines.ts';

const directory = mkdtempSync(join(tmpdir(), 'mem-agent-engine-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const { signal } = new AbortController();
const SHAM: KernelWall = { name: 'unshare', wrap: (argv) => [...argv] };
const BROKEN: KernelWall = { name: 'bwrap', wrap: () => ['/bin/sh', '-c', 'echo no namespaces here >&2; exit 1'] };

function fakePython(name: string, script: string): string {
  const file = join(directory, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

async function statusOf(options: Partial<SandboxOptions>): Promise<SandboxStatus> {
  await using sandbox = createSandbox({
    engine: 'auto',
    require: 'none',
    standby: 0,
    cacheDirectory: SANDBOX_CACHE,
    ...options,
  });
  try {
    await using _run = await sandbox.openRun({ onCall: () => Promise.resolve(null), signal });
    return sandbox.status();
  } catch {
    return sandbox.status();
  }
}

test('auto takes the system’s CPython where a kernel wall is proven', async () => {
  const engines = await listEngines();
  const status = await statusOf({});
  assert.equal(status.engineName, engines.at(-1)?.name);
  if (status.engineName === 'cpython') {
    assert.deepEqual(
      [status.state, status.walls, status.systemCalls, status.engineReason],
      [
        'ok',
        { interpreter: 'proven', process: 'absent', kernel: 'proven' },
        'filtered',
        'a kernel wall is proven and python3 is there',
      ],
    );
    assert.match(status.engine, /^CPython 3\.\d+\.\d+ \(\//);
  }
});

async function problemOf(options: Partial<CpythonEngineOptions>): Promise<string> {
  const candidates = listKernelWalls({ scratchDirectory: join(SANDBOX_CACHE, 'sandbox-root') });
  const common = { directory: SANDBOX_CACHE, candidates, memoryBytes: 1 << 28, python: '', socket: '' };
  const engine = await openCpythonEngine({ ...common, ...options });
  return 'problem' in engine ? engine.problem : 'none';
}

test('auto takes WebAssembly where no wall holds, and says why', async () => {
  const status = await statusOf({ kernelWalls: [] });
  assert.deepEqual([status.engineName, status.state], ['wasm', 'ok']);
  assert.equal(
    status.engineReason,
    'cpython cannot be used here: neither bwrap nor unshare with setpriv was found, and no sandbox unit',
  );
});

test('cpython is not to be had without a wall that works and holds', async () => {
  assert.match(await problemOf({ candidates: [SHAM] }), /^an attacker behind unshare reached file, environment/);
  assert.equal(await problemOf({ candidates: [BROKEN] }), 'bwrap does not work here: no namespaces here');
  assert.equal(await problemOf({ platform: 'darwin' }), 'its walls are those of Linux');
});

test('nor with a Python that is not there, does not answer, is too old or lacks parts', async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [join(directory, 'none'), /none does not answer: .*ENOENT/],
    [fakePython('silent', 'exit 3'), /silent does not answer/],
    [fakePython('old', `echo '[[3, 10, 9], "/x", [], []]'`), /old is Python 3\.10\.9, 3\.11 or newer is needed/],
    [fakePython('minimal', `echo '[[3, 12, 1], "/x", [], ["csv"]]'`), /minimal lacks csv \(.*apt install python3\)/],
  ];
  for (const [python, problem] of cases) assert.match(await problemOf({ python }), problem);
});

test('cpython asked for by name is refused without a proven wall, whatever else would be allowed', async () => {
  for (const kernelWalls of [[], [SHAM], [BROKEN]]) {
    const status = await statusOf({ engine: 'cpython', require: 'none', kernelWalls });
    assert.deepEqual([status.engineName, status.state], ['none', 'refused']);
    assert.match(status.reason, /^sandbox\.engine is cpython, which needs a proven kernel wall: /);
  }
});

test('WebAssembly asked for by name is taken', async () => {
  const status = await statusOf({ engine: 'wasm' });
  assert.deepEqual([status.engineName, status.engineReason], ['wasm', 'sandbox.engine is wasm']);
});
