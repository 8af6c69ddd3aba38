// Every known way out is tried from inside, behind walls 1 and 2 and behind all three; a control shows each canary is live.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createMemoryFunctions } from '../../src/agent/functions/memory-functions.ts';
import { CANARY_NAMES, CANARY_VARIABLE, plantCanaries, type PlantedCanaries } from '../../src/sandbox/canaries.ts';
import { createSandbox } from '../../src/sandbox/create-sandbox.ts';
import { linkToChild } from '../../src/sandbox/guest-link.ts';
import { GuestProcess } from '../../src/sandbox/guest-process.ts';
import { createNoWall, listKernelWalls, type KernelWall } from '../../src/sandbox/kernel-wall.ts';
import { guestArguments, launch, locateInterpreter } from '../../src/sandbox/launcher.ts';
import { listTree } from '../../src/sandbox/process-tree.ts';
import type { BlockOutcome, OnCall, Sandbox, SandboxRun } from '../../src/sandbox/sandbox.ts';
import { runProbe } from '../../src/sandbox/self-test.ts';
import { ensureSnapshot } from '../../src/sandbox/snapshot.ts';
import { SANDBOX_CACHE } from '../helpers/sandbox-cache.ts';
import { openTestRoot } from '../unit/memory/open-test-root.ts';
import { CLOSED_VECTORS, ESCAPE_VECTORS } from './escape-vectors.ts';

const directory = mkdtempSync(join(tmpdir(), 'mem-agent-escape-'));
const kernelWalls = listKernelWalls({ scratchDirectory: join(SANDBOX_CACHE, 'sandbox-root') });
const { signal } = new AbortController();

after(() => rmSync(directory, { recursive: true, force: true }));

function runUnwalled(code: string, flags: readonly string[], token: string): Promise<string> {
  const script = join(import.meta.dirname, 'unwalled-interpreter.ts');
  const argv = ['--no-warnings', ...flags, script, locateInterpreter(), code];
  return new Promise((resolve) => {
    const options = { env: { [CANARY_VARIABLE]: token }, timeout: 120_000, maxBuffer: 1 << 24 };
    execFile(process.execPath, argv, options, (_error, stdout) => resolve(stdout));
  });
}

/** The environment's canary is only in a process that was given it; the control gives it, no launcher does. */
function reached(canaries: PlantedCanaries, output: string): boolean {
  const { port, process: killed } = canaries.touched();
  return output.includes(canaries.token) || port || killed;
}

describe('the control: without walls each vector reaches its canary', { concurrency: 2 }, () => {
  for (const vector of ESCAPE_VECTORS) {
    test(vector.name, async () => {
      await using canaries = await plantCanaries(directory);
      const output = await runUnwalled(vector.code(canaries), [], canaries.token);
      await settle();
      assert.ok(reached(canaries, output), output);
    });
  }
});

describe('wall 2 alone: a bare interpreter under the permission wall', { concurrency: 2 }, () => {
  for (const vector of ESCAPE_VECTORS.filter(({ canary }) => canary !== 'environment')) {
    test(vector.name, async () => {
      await using canaries = await plantCanaries(directory);
      const readable = [import.meta.dirname, locateInterpreter()].map((path) => `--allow-fs-read=${path}`);
      const flags = ['--permission', ...readable, '--disallow-code-generation-from-strings'];
      const output = await runUnwalled(vector.code(canaries), flags, '');
      await settle();
      assert.equal(reached(canaries, output), false, output);
    });
  }
});

describe('an attacker that has left the interpreter', () => {
  const attack = (wall: KernelWall, permissionWall: boolean, leakEnvironment = false) =>
    runProbe({ directory, wall, permissionWall, leakEnvironment });

  test('reaches every canary without walls', async () => {
    const { reached: found } = await attack(createNoWall(), false, true);
    for (const name of CANARY_NAMES) assert.equal(found[name], true, name);
  });

  test('reaches none behind the process wall alone', async () => {
    const result = await attack(createNoWall(), true);
    assert.ok(result.ran, result.complaint);
    for (const name of CANARY_NAMES) assert.equal(result.reached[name], false, name);
  });

  for (const wall of kernelWalls) {
    test(`reaches none behind ${wall.name} alone`, async () => {
      const result = await attack(wall, false);
      assert.ok(result.ran, result.complaint);
      for (const name of CANARY_NAMES) assert.equal(result.reached[name], false, name);
    });
  }
});

for (const [title, walls] of [
  ['walls 1 and 2', []],
  ...kernelWalls.map((wall) => [`walls 1, 2 and ${wall.name}`, [wall]] as const),
] as readonly (readonly [string, readonly KernelWall[]])[]) {
  describe(title, () => {
    let sandbox: Sandbox;
    let run: SandboxRun;
    let onCall: OnCall;
    // One run for all vectors, so that what one leaves behind in the interpreter would help the next.
    before(async () => {
      sandbox = createSandbox({
        engine: 'wasm',
        require: 'process',
        cacheDirectory: SANDBOX_CACHE,
        kernelWalls: walls,
      });
      run = await sandbox.openRun({ onCall: (name, args, kwargs) => onCall(name, args, kwargs), signal });
    });
    after(async () => {
      await run[Symbol.asyncDispose]();
      await sandbox[Symbol.asyncDispose]();
    });

    async function attackWith(code: string, canaries: PlantedCanaries): Promise<BlockOutcome> {
      await using memory = openTestRoot({ notes: { 'user.md': '# User\n' } });
      ({ onCall } = createMemoryFunctions({
        root: memory.root,
        scopes: new Set(['memory:read', 'memory:write']),
        record: async () => {},
      }));
      const outcome = await run.execute(code, { timeoutMs: 5000, signal });
      await settle();
      assert.equal(reached(canaries, JSON.stringify(outcome)), false, JSON.stringify(outcome));
      const next = await run.execute('clean = 1 + 1', { timeoutMs: 5000, signal });
      assert.ok(next.kind === 'done' && next.variablesJson['clean'] === 2, 'the next block is clean');
      return outcome;
    }

    const vectors = [
      ...ESCAPE_VECTORS.map(({ name, code }) => [name, code] as const),
      ...Object.entries(CLOSED_VECTORS),
    ];
    for (const [name, code] of vectors) {
      test(name, async () => {
        await using canaries = await plantCanaries(directory);
        const outcome = await attackWith(code(canaries), canaries);
        assert.ok(outcome.kind === 'done' || outcome.reason === 'crash', JSON.stringify(outcome));
      });
    }

    test('the environment inside holds nothing of the daemon', async () => {
      await using canaries = await plantCanaries(directory);
      const outcome = await attackWith('import os\nnames = sorted(os.environ)', canaries);
      assert.ok(outcome.kind === 'done');
      assert.equal(String(outcome.variablesJson['names']).includes('MEM_AGENT'), false);
    });

    test('publishes which walls hold', () => {
      const status = sandbox.status();
      assert.equal(status.state, 'ok');
      assert.deepEqual(status.walls, {
        interpreter: 'proven',
        process: 'proven',
        kernel: walls.length === 0 ? 'absent' : 'proven',
      });
    });
  });
}

for (const wall of kernelWalls) {
  test(`behind ${wall.name} the process has no capability and namespaces of its own`, async () => {
    const snapshotFile = await ensureSnapshot({
      signal: new AbortController().signal,
      cacheDirectory: SANDBOX_CACHE,
      memoryBytes: 1 << 28,
      wall: createNoWall(),
    });
    const guest = new GuestProcess({
      link: linkToChild(
        launch({
          wall,
          permissionWall: true,
          entry: 'guest',
          snapshotFile,
          arguments: guestArguments({ snapshotFile, memoryBytes: 1 << 28, mode: 'run' }),
        }),
      ),
      rssLimitBytes: 1 << 30,
      outputBytes: 1 << 20,
      readyTimeoutMs: 30_000,
    });
    try {
      await guest.ready;
      const pid = listTree(guest.pid ?? 0).at(-1);
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      assert.match(status, /^CapEff:\s0+$/m);
      assert.match(status, /^CapBnd:\s0+$/m);
      assert.match(status, /^NoNewPrivs:\s1$/m);
      for (const name of ['user', 'mnt', 'pid', 'net', 'ipc', 'uts']) {
        assert.notEqual(readlinkSync(`/proc/${pid}/ns/${name}`), readlinkSync(`/proc/self/ns/${name}`), name);
      }
      assert.equal(readFileSync(`/proc/${pid}/environ`, 'utf8').includes('MEM_AGENT'), false);
    } finally {
      await guest.kill();
    }
  });
}

/** A killed canary is seen when its exit has been reaped. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 20);
  });
}
