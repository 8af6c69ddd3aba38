// The system's CPython: every way out is tried in a bare one (the control), behind the kernel's walls alone, and in the engine.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createMemoryFunctions } from '../../src/agent/functions/memory-functions.ts';
import { CANARY_VARIABLE, plantCanaries, type PlantedCanaries } from '../../src/sandbox/canaries.ts';
import { createSandbox, type SandboxOptions } from '../../src/sandbox/create-sandbox.ts';
import { listKernelWalls, type KernelWall } from '../../src/sandbox/kernel-wall.ts';
import { spawnGuest } from '../../src/sandbox/launcher.ts';
import { findPython, type PythonInterpreter } from '../../src/sandbox/python-interpreter.ts';
import type { OnCall, Sandbox, SandboxRun } from '../../src/sandbox/sandbox.ts';
import { SANDBOX_CACHE } from '../helpers/sandbox-cache.ts';
import { listEngines } from '../helpers/sandbox-engines.ts';
import { startSandboxUnit } from '../helpers/sandbox-unit.ts';
import { openTestRoot } from '../unit/memory/open-test-root.ts';
import { CLOSED_VECTORS, ESCAPE_VECTORS } from './escape-vectors.ts';
import { NATIVE_VECTORS } from './native-vectors.ts';

const directory = mkdtempSync(join(tmpdir(), 'mem-agent-native-'));
const kernelWalls = listKernelWalls({ scratchDirectory: join(SANDBOX_CACHE, 'sandbox-root') });
const interpreter = await demandPython();
const { signal } = new AbortController();

after(() => rmSync(directory, { recursive: true, force: true }));

async function demandPython(): Promise<PythonInterpreter> {
  const found = await findPython('');
  if ('problem' in found) throw new Error(found.problem);
  return found;
}

function argvOf(code: string): string[] {
  return [interpreter.executable, '-I', '-S', '-B', '-c', `${code}\nprint(reached)`];
}

/** The code as it is, in a bare interpreter. */
function runBare(command: readonly string[], token: string): Promise<string> {
  const [file, ...argv] = command;
  return new Promise((resolve) => {
    const options = { env: { [CANARY_VARIABLE]: token }, timeout: 120_000, maxBuffer: 1 << 24, cwd: '/' };
    execFile(file ?? '', argv, options, (_error, stdout, stderr) => resolve(`${stdout}${stderr.slice(-500)}`));
  });
}

async function runBehind(wall: KernelWall, code: string): Promise<string> {
  const child = spawnGuest(wall.wrap(argvOf(code), interpreter.readPaths), {});
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  await new Promise((resolve) => {
    child.once('close', resolve);
  });
  return output;
}

function reached(canaries: PlantedCanaries, output: string): boolean {
  const { port, process: killed } = canaries.touched();
  return output.includes(canaries.token) || port || killed;
}

/** A killed canary is seen when its exit has been reaped. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 20);
  });
}

test('where bwrap is, both engines are', async () => {
  assert.ok(kernelWalls.some(({ name }) => name === 'bwrap'));
  assert.deepEqual(
    (await listEngines()).map(({ name }) => name),
    ['wasm', 'cpython'],
  );
});

describe('the control: in a bare CPython each vector reaches its canary', { concurrency: 2 }, () => {
  for (const vector of NATIVE_VECTORS) {
    test(vector.name, async () => {
      await using canaries = await plantCanaries(directory);
      const output = await runBare(argvOf(vector.code(canaries)), canaries.token);
      await settle();
      assert.ok(reached(canaries, output), output);
    });
  }
});

for (const wall of kernelWalls) {
  describe(`a bare CPython behind ${wall.name} alone`, { concurrency: 2 }, () => {
    for (const vector of NATIVE_VECTORS) {
      test(vector.name, async () => {
        await using canaries = await plantCanaries(directory);
        const output = await runBehind(wall, vector.code(canaries));
        await settle();
        assert.equal(reached(canaries, output), false, output);
      });
    }

    test('sees the system’s libraries and its own files, nothing else', async () => {
      const found = await runBehind(wall, 'import posix\nreached = " ".join(sorted(posix.listdir("/")))');
      const own = [...interpreter.readPaths].map((path) => path.split('/')[1] ?? '');
      const allowed = new Set(['usr', 'lib', 'lib64', 'lib32', 'bin', 'sbin', '.old', 'proc', ...own]);
      const unexpected = found
        .trim()
        .split(' ')
        .filter((name) => !allowed.has(name));
      assert.deepEqual(unexpected, []);
      const inside =
        'import posix\nreached = [posix.listdir(p) for p in ("/proc", "/.old") if p[1:] in posix.listdir("/")]';
      assert.match(await runBehind(wall, inside), /^\[(\[\](, )?)*\]$/m);
    });
  });
}

const unit = process.platform === 'linux' ? await startSandboxUnit(directory) : null;
after(() => unit?.[Symbol.asyncDispose]());

const places: readonly (readonly [string, Partial<SandboxOptions>])[] = [
  ...kernelWalls.map((wall) => [wall.name, { kernelWalls: [wall] }] as const),
  ...(unit === null ? [] : [['systemd', { kernelWalls: [], socket: unit.socket }] as const]),
];

for (const [place, options] of places) {
  describe(`the engine behind ${place}`, () => {
    let sandbox: Sandbox;
    let run: SandboxRun;
    let onCall: OnCall;
    // One run for all vectors, so that what one leaves behind in the interpreter would help the next.
    before(async () => {
      sandbox = createSandbox({ engine: 'cpython', require: 'kernel', cacheDirectory: SANDBOX_CACHE, ...options });
      run = await sandbox.openRun({ onCall: (name, args, kwargs) => onCall(name, args, kwargs), signal });
    });
    after(async () => {
      await run[Symbol.asyncDispose]();
      await sandbox[Symbol.asyncDispose]();
    });

    const vectors = [
      ...NATIVE_VECTORS.map(({ name, code }) => [`native: ${name}`, code] as const),
      ...ESCAPE_VECTORS.map(({ name, code }) => [name, code] as const),
      ...Object.entries(CLOSED_VECTORS),
    ];
    for (const [name, code] of vectors) {
      test(name, async () => {
        await using canaries = await plantCanaries(directory);
        await using memory = openTestRoot({ notes: { 'user.md': '# User\n' } });
        ({ onCall } = createMemoryFunctions({
          root: memory.root,
          scopes: new Set(['memory:read', 'memory:write']),
          record: async () => {},
        }));
        const outcome = await run.execute(code(canaries), { timeoutMs: 5000, signal });
        await settle();
        assert.equal(reached(canaries, JSON.stringify(outcome)), false, JSON.stringify(outcome));
        assert.ok(outcome.kind === 'done' || outcome.reason === 'crash', JSON.stringify(outcome));
        const next = await run.execute('clean = 1 + 1', { timeoutMs: 5000, signal });
        assert.ok(next.kind === 'done' && next.variablesJson['clean'] === 2, 'the next block is clean');
      });
    }

    test('publishes which walls hold', () => {
      const { state, walls, kernelWall, systemCalls } = sandbox.status();
      assert.deepEqual(
        { state, walls, kernelWall, systemCalls },
        {
          state: 'ok',
          walls: { interpreter: 'proven', process: 'absent', kernel: 'proven' },
          kernelWall: place,
          systemCalls: 'filtered',
        },
      );
    });

    test('neither threads nor processes, no memory beyond the ceiling, no file to write', async () => {
      const outcome = await run.execute(
        `
import _thread, _io, posix
found = []
for attempt in (lambda: _thread.start_new_thread(print, ()), posix.fork, lambda: bytearray(300_000_000), lambda: _io.FileIO("/usr/x", "w")):
    try:
        found.append(attempt())
    except (OSError, RuntimeError, MemoryError) as error:
        found.append(type(error).__name__)
`,
        { timeoutMs: 5000, signal },
      );
      assert.ok(outcome.kind === 'done');
      assert.deepEqual(outcome.variablesJson['found'], [
        'RuntimeError',
        'PermissionError',
        'MemoryError',
        'PermissionError',
      ]);
    });
  });
}
