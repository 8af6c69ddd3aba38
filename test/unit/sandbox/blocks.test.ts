// What a block sees and leaves behind, the same in each engine: globals, variables, errors, output, files.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createMemoryFunctions } from '../../../src/agent/functions/memory-functions.ts';
import { AppError } from '../../../src/lib/app-error.ts';
import { createSandbox } from '../../../src/sandbox/create-sandbox.ts';
import { GuestError, type BlockOutcome, type OnCall, type SandboxRun } from '../../../src/sandbox/sandbox.ts';
import { readVault } from '../../helpers/python-corpus.ts';
import { listEngines } from '../../helpers/sandbox-engines.ts';
import { openTestRoot } from '../memory/open-test-root.ts';

type Done = Extract<BlockOutcome, { kind: 'done' }>;

const { signal } = new AbortController();
for (const engine of await listEngines()) {
  describe(engine.name, () => {
    const sandbox = createSandbox(engine.options);
    let onCall: OnCall = () => Promise.resolve(null);
    let run: SandboxRun;

    before(async () => {
      run = await sandbox.openRun({ onCall: (name, args, kwargs) => onCall(name, args, kwargs), signal });
    });

    after(async () => {
      await run[Symbol.asyncDispose]();
      await sandbox[Symbol.asyncDispose]();
    });

    async function execute(code: string): Promise<Done> {
      const outcome = await run.execute(code, { timeoutMs: 10_000, signal });
      assert.ok(outcome.kind === 'done', JSON.stringify(outcome));
      return outcome;
    }

    test('only what the block made comes back', async () => {
      const outcome = await execute(
        'import os\nfrom datetime import date\ndef f(): pass\nclass C: pass\n__hidden__ = 1\n_kept = 2\nx = [1, "a"]\nd = date(2024, 5, 6)',
      );
      assert.equal(outcome.variablesRepr, "{'_kept': 2, 'x': [1, 'a'], 'd': datetime.date(2024, 5, 6)}");
      assert.deepEqual(outcome.variablesJson, { _kept: 2, x: [1, 'a'] });
    });

    test('globals are fresh in each block, functions too', async () => {
      await execute('x = 1\nread_file = None\nimport builtins\nlen = None');
      const outcome = await execute('gone = "x" not in globals()\nback = callable(read_file)\nn = len([1])');
      assert.deepEqual(outcome.variablesJson, { gone: true, back: true, n: 1 });
    });

    test('comprehensions and nested functions see the variables of the block', async () => {
      const outcome = await execute('base = "a"\nr = [base + s for s in "bc"]\ndef g(): return base\ns = g()');
      assert.deepEqual(outcome.variablesJson, { base: 'a', r: ['ab', 'ac'], s: 'a' });
    });

    test('an error shows the line, no path of the host, and keeps what was set', async () => {
      const outcome = await execute('x = 1\ndef f():\n    return 1 / 0\nf()\ny = 2');
      assert.deepEqual(outcome.variablesJson, { x: 1 });
      assert.equal(outcome.errorType, 'ZeroDivisionError');
      assert.match(outcome.error ?? '', /line 3, in f\n    return 1 \/ 0/);
      assert.doesNotMatch(outcome.error ?? '', /\/work|node_modules|guest|python314/);
    });

    test('an error in the standard library shows its lines, not where it lies', async () => {
      const { error } = await execute('import json\njson.loads("{")');
      assert.match(
        error ?? '',
        /File "\/lib\/python\/json\/decoder\.py", line \d+, in \w+\n {4}\S.*\n[^]*JSONDecodeError/,
      );
      assert.doesNotMatch(error ?? '', /File "\/(usr|root|home|lib\/python3)/);
    });

    test('syntax errors, exits and unprintable values are results', async () => {
      assert.equal((await execute('x = (')).errorType, 'SyntaxError');
      assert.equal((await execute('import sys\nx = 1\nsys.exit(0)')).errorType, null);
      assert.equal((await execute('import sys\nsys.exit("bad")')).errorType, 'SystemExit');
      assert.equal((await execute('raise KeyboardInterrupt')).errorType, 'KeyboardInterrupt');
      assert.equal((await execute('def f(): f()\nf()')).errorType, 'RecursionError');
      assert.equal(
        (await execute('class E:\n    def __repr__(self): raise ValueError\ne = E()')).variablesRepr,
        "{'e': <E: its repr raised ValueError>}",
      );
      assert.equal((await execute('input()')).errorType, 'EOFError');
    });

    test('JSON keeps its rules: cycles and dates are left out, NaN is null', async () => {
      const outcome = await execute(
        'a = []\na.append(a)\nn = float("nan")\nt = (1, (2,))\nk = {1: 2}\ns = {1}\nb = 10 ** 3',
      );
      assert.deepEqual(outcome.variablesJson, { n: null, t: [1, [2]], k: { '1': 2 }, b: 1000 });
    });

    test('what is long says how much was left out', async () => {
      const outcome = await execute('x = "a" * 1_000_000\nprint("b" * 100_000)');
      assert.match(outcome.variablesRepr, /… \[737856 characters left out\]/);
      assert.match(outcome.printed, /… \[34465 characters left out\]$/);
    });

    test('prints are kept apart from the channel', async () => {
      const outcome = await execute(
        'import sys\nprint("{\\"type\\": \\"done\\"}", flush=True)\nprint("e", file=sys.stderr)',
      );
      assert.equal(outcome.printed, '{"type": "done"}\ne\n');
    });

    test('a memory ceiling is a MemoryError, and the next block runs', async () => {
      assert.equal((await execute('x = bytearray(900_000_000)')).errorType, 'MemoryError');
      assert.deepEqual((await execute('x = 1')).variablesJson, { x: 1 });
    });

    test('calls carry their arguments, answers and exceptions', async () => {
      const calls: unknown[] = [];
      onCall = (name, args) => {
        calls.push([name, args]);
        if (name === 'get_size') return Promise.reject(new GuestError('FileNotFoundError', 'Path not found: x'));
        if (name === 'delete_file') return Promise.reject(new GuestError('OSError', 'No space left on device', 28));
        return Promise.resolve(`text of ${String(args[0])}`);
      };
      const outcome = await execute(
        'from pathlib import Path\nt = read_file(Path("a.md"))\ntry:\n    get_size("x")\nexcept FileNotFoundError as e:\n    m = str(e)\ntry:\n    delete_file("y")\nexcept OSError as e:\n    n = e.errno\ntry:\n    list_files("x")\nexcept TypeError:\n    o = True\nsearch_memory("q", limit=2)',
      );
      assert.deepEqual(outcome.variablesJson, { t: 'text of a.md', m: 'Path not found: x', n: 28, o: true });
      assert.deepEqual(calls, [
        ['read_file', ['a.md']],
        ['get_size', ['x']],
        ['delete_file', ['y']],
        ['search_memory', ['q', 2]],
      ]);
    });

    test('what is not for the block ends the run, uncatchable', async () => {
      await using other = await sandbox.openRun({
        onCall: () => Promise.reject(new AppError('AUDIT_UNAVAILABLE', 'audit is full')),
        signal,
      });
      const code = 'while True:\n    try:\n        read_file("x")\n    except BaseException:\n        pass';
      await assert.rejects(other.execute(code, { timeoutMs: 10_000, signal }), { code: 'AUDIT_UNAVAILABLE' });
    });

    test('open, os, pathlib, glob and shutil work on notes', async () => {
      await using memory = openTestRoot({ notes: { 'user.md': 'eins\nzwei\n', 'entities/a.md': 'A' } });
      const functions = createMemoryFunctions({
        root: memory.root,
        scopes: new Set(['memory:read', 'memory:write']),
        record: async () => {},
      });
      ({ onCall } = functions);
      const outcome = await execute(`
import os, glob, shutil, json
from pathlib import Path
lines = [line.strip() for line in open("user.md")]
raw = open("user.md", "rb").read(4).decode()
with open("user.md", "a") as f:
    f.write("drei\\n")
with open("new.md", "x") as f:
    json.dump([1], f)
with open("new.md", "r+") as f:
    f.seek(0, 2)
    f.write("!")
names = sorted(os.listdir())
walked = [(r, sorted(d), sorted(f)) for r, d, f in os.walk(".")]
Path("deep/er").mkdir(parents=True)
Path("deep/er/x.md").write_text("tief")
os.makedirs("deep", exist_ok=True)
shutil.copy("deep/er/x.md", "deep/y.md")
shutil.move("deep/y.md", "moved.md")
os.rename("new.md", "renamed.md")
found = sorted(glob.glob("**/*.md", recursive=True))
globbed = sorted(str(p) for p in Path(".").rglob("*.md"))
size = os.path.getsize("user.md")
flags = [os.path.exists("nope"), os.path.isdir("deep"), Path("user.md").is_file(), os.path.exists("/etc/passwd")]
cwd = os.getcwd()
absolute = Path("user.md").resolve().read_text()[:4]
shutil.rmtree("deep")
errors = []
for attempt in ["open('nope')", "open('deep')", "open('entities/a.md', 'w')", "open('user.md', 'x')", "os.listdir('user.md')", "os.mkdir('entities')", "os.rmdir('entities')", "os.remove('entities')", "open('no/parent.md', 'w')", "open('user.md').write('x')", "open('user.md', 'rw')"]:
    try:
        eval(attempt)
        errors.append("none")
    except Exception as e:
        errors.append(f"{type(e).__name__} {getattr(e, 'errno', None)}")
`);
      assert.equal(outcome.error, null);
      const found = ['entities/a.md', 'moved.md', 'renamed.md', 'user.md'];
      const { walked, found: globFound, globbed, errors, ...rest } = outcome.variablesJson;
      assert.deepEqual(walked, [
        ['.', ['entities'], ['new.md', 'user.md']],
        ['./entities', [], ['a.md']],
      ]);
      assert.deepEqual(globFound, ['deep/er/x.md', ...found]);
      assert.deepEqual(globbed, ['deep/er/x.md', ...found]);
      assert.deepEqual(rest['flags'], [false, true, true, false]);
      assert.deepEqual(
        [rest['lines'], rest['raw'], rest['size'], rest['cwd'], rest['absolute']],
        [['eins', 'zwei'], 'eins', 15, '/memory', 'eins'],
      );
      assert.deepEqual(errors, [
        'FileNotFoundError 2',
        'FileNotFoundError 2',
        'FileExistsError 17',
        'FileExistsError 17',
        'NotADirectoryError 20',
        'FileExistsError 17',
        'OSError 39',
        'IsADirectoryError 21',
        'FileNotFoundError 2',
        'UnsupportedOperation None',
        'ValueError None',
      ]);
      assert.deepEqual(readVault(memory.directory), {
        'user.md': 'eins\nzwei\ndrei\n',
        'entities/a.md': 'A',
        'renamed.md': '[1]!',
        'moved.md': 'tief',
      });
    });
  });
}
