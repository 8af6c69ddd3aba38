// The memory functions answer with the original's returns and error strings, record first, and never overwrite unseen.
import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { test } from 'node:test';
import { createMemoryFunctions, type MemoryFunctions } from '../../../src/agent/functions/memory-functions.ts';
import type { PathRefusal } from '../../../src/agent/functions/run-notes.ts';
import type { NoteOperation } from '../../../src/audit/audit-log.ts';
import type { Scope } from '../../../src/auth/principal.ts';
import { AppError } from '../../../src/lib/app-error.ts';
import type { ScopedPaths } from '../../../src/memory/path-scope.ts';
import { readVault } from '../../helpers/python-corpus.ts';
import { openTestRoot, type TestRoot } from '../memory/open-test-root.ts';

interface Bench extends AsyncDisposable {
  memory: TestRoot;
  functions: MemoryFunctions;
  operations: NoteOperation[];
  refusals: PathRefusal[];
  call(name: string, ...args: unknown[]): Promise<unknown>;
}

const VAULT = { 'user.md': '# User\n- name: Ada\n', 'entities/bob.md': '# Bob\n' };

function setUp(
  options: {
    scopes?: Scope[];
    record?: () => Promise<void>;
    notes?: Record<string, string>;
    onText?: (text: string) => void;
    paths?: ScopedPaths;
  } = {},
): Bench {
  const memory = openTestRoot({ notes: options.notes ?? VAULT });
  const operations: NoteOperation[] = [];
  const refusals: PathRefusal[] = [];
  const functions = createMemoryFunctions({
    root: memory.root.scopedTo(options.paths ?? {}),
    scopes: new Set(options.scopes ?? ['memory:read', 'memory:write']),
    record: async (operation) => {
      await options.record?.();
      operations.push(operation);
    },
    onRefused: (refusal) => refusals.push(refusal),
    ...(options.onText !== undefined && { onText: options.onText }),
  });
  return {
    memory,
    functions,
    operations,
    refusals,
    call: (name, ...args) => functions.onCall(name, args, {}),
    [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose](),
  };
}

test('whoever watches sees the whole of each note that the run sees a part of', async () => {
  const texts: string[] = [];
  await using bench = setUp({ onText: (text) => texts.push(text) });
  await bench.call('check_if_file_exists', 'user.md');
  await bench.call('list_files');
  assert.deepEqual(texts, []);
  await bench.call('read_file', 'user.md');
  await bench.call('go_to_link', '[[entities/bob]]');
  assert.deepEqual(texts.splice(0), [VAULT['user.md'], VAULT['entities/bob.md']]);
  const hits = (await bench.call('search_memory', 'name Ada', 5)) as unknown[];
  assert.ok(hits.length > 0);
  assert.ok(texts.some((text) => text === VAULT['user.md']));
});

test('reads answer with text or the original error', async () => {
  await using bench = setUp();
  const { call } = bench;
  assert.equal(await call('read_file', 'user.md'), VAULT['user.md']);
  assert.equal(await call('read_file', '/memory/user.md'), VAULT['user.md']);
  assert.equal(await call('read_file', 'nope.md'), 'Error: File nope.md does not exist');
  assert.equal(await call('read_file', 'entities'), 'Error: entities is not a file');
  assert.match(String(await call('read_file', '../../etc/passwd')), /^Error: /);
  assert.equal(await call('go_to_link', '[[entities/bob]]'), '# Bob\n');
  assert.equal(await call('go_to_link', '[[entities/bob.md|Bob]]'), '# Bob\n');
  assert.equal(await call('go_to_link', '[[nobody]]'), 'Error: File nobody.md not found');
  assert.equal(await call('check_if_file_exists', 'user.md'), true);
  assert.equal(await call('check_if_file_exists', 'entities'), false);
  assert.equal(await call('check_if_dir_exists', 'entities'), true);
  assert.equal(await call('check_if_dir_exists', 5), false);
  assert.equal(await call('check_if_file_exists', '../x'), false);
  assert.equal(await call('list_files'), bench.memory.root.tree());
  assert.equal(await call('get_size', 'entities/bob.md'), 6);
  assert.equal(await call('get_size', ''), 25);
  await assert.rejects(call('get_size', 'nope'), { pythonType: 'FileNotFoundError', message: 'Path not found: nope' });
});

test('search gives path, title and snippet', async () => {
  await using bench = setUp();
  const hits = (await bench.call('search_memory', 'Bob', 5)) as { path: string }[];
  assert.deepEqual(Object.keys(hits[0] ?? {}), ['path', 'title', 'snippet']);
  assert.equal(hits[0]?.path, 'entities/bob.md');
});

test('updates answer True or the original error', async () => {
  await using bench = setUp();
  const { call } = bench;
  assert.equal(await call('update_file', 'user.md', 'Ada', 'Bea'), true);
  assert.equal(await call('update_file', 'nope.md', 'a', 'b'), "Error: File 'nope.md' does not exist");
  assert.equal(await call('update_file', 'entities', 'a', 'b'), "Error: 'entities' is not a file");
  assert.equal(
    await call('update_file', 'user.md', 'x'.repeat(80), 'b'),
    `Error: Could not find the specified content in the file. Looking for: '${'x'.repeat(50)}...'`,
  );
  assert.equal(await call('update_file', 'user.md', 'Bea', 'Bea'), 'Error: No changes were made to the file');
  assert.equal(await call('create_dir', 'projects'), true);
  assert.equal(await call('create_dir', 'user.md'), false);
  assert.equal(await call('delete_file', 'entities/bob.md'), true);
  assert.equal(await call('delete_file', 'entities/bob.md'), false);
  assert.equal(await call('delete_file', 'projects'), false);
});

test('create_file makes parents, and is a conflict over a note the run has not seen', async () => {
  await using bench = setUp();
  const { call } = bench;
  assert.equal(await call('create_file', 'a/b/c.md', 'new'), true);
  assert.equal(await call('create_file', 'a/b/c.md', 'again'), true, 'its own note');
  const conflict = /^Error creating file user\.md: File user\.md already exists; read it first or use update_file$/;
  await assert.rejects(call('create_file', 'user.md', 'lost'), { pythonType: 'Exception', message: conflict });
  await call('read_file', 'user.md');
  assert.equal(await call('create_file', 'user.md', 'seen'), true);
  bench.memory.plant('user.md', 'changed by somebody else');
  await assert.rejects(call('create_file', 'user.md', 'stale'), { message: conflict });
  await assert.rejects(call('create_file', 'big.md', 'x'.repeat(1024 * 1024 + 1)), {
    message: 'Error creating file big.md: File big.md is too large to create',
  });
  await assert.rejects(call('create_file', 'x.md', 5), { message: /^Error creating file x\.md: / });
  assert.equal(readVault(bench.memory.directory)['user.md'], 'changed by somebody else');
});

test("somebody else's change between read and update stays unseen", async () => {
  await using bench = setUp();
  await bench.call('read_file', 'user.md');
  bench.memory.plant('user.md', '# User\n- name: Ada\n- city: Ghent\n');
  assert.equal(await bench.call('update_file', 'user.md', 'Ada', 'Bea'), true);
  await assert.rejects(bench.call('create_file', 'user.md', 'lost'), { pythonType: 'Exception' });
});

test('a missing scope is said, in the way of each function, and nothing happens', async () => {
  await using reader = setUp({ scopes: ['memory:read'] });
  assert.match(String(await reader.call('update_file', 'user.md', 'Ada', 'x')), /^Error: .*memory:write/);
  await assert.rejects(reader.call('create_file', 'n.md', ''), {
    message: /^Error creating file n\.md: .*memory:write/,
  });
  await assert.rejects(reader.call('delete_file', 'user.md'), {
    pythonType: 'PermissionError',
    message: /memory:write/,
  });
  await assert.rejects(reader.call('fs.write', 'n.md', ''), { pythonType: 'PermissionError', errno: 13 });
  assert.deepEqual(readVault(reader.memory.directory), VAULT);
  await using writer = setUp({ scopes: ['memory:write'] });
  assert.match(String(await writer.call('read_file', 'user.md')), /^Error: .*memory:read/);
  assert.match(String(await writer.call('list_files')), /^Error: .*memory:read/);
  await assert.rejects(writer.call('check_if_file_exists', 'user.md'), { message: /memory:read/ });
  await assert.rejects(writer.call('search_memory', 'Ada'), { message: /memory:read/ });
  await assert.rejects(writer.call('fs.read', 'user.md'), { pythonType: 'PermissionError' });
  assert.deepEqual([...reader.operations, ...writer.operations], []);
});

test('each effect is recorded before it, with versions; without the record there is none', async () => {
  await using bench = setUp();
  await bench.call('read_file', 'user.md');
  await bench.call('update_file', 'user.md', 'Ada', 'Bea');
  await bench.call('delete_file', 'entities/bob.md');
  const [read, write, removal] = bench.operations;
  assert.deepEqual(read, { operation: 'note.read', path: 'user.md' });
  assert.equal(write?.operation, 'note.write');
  assert.match(`${write?.before} ${write?.after}`, /^[0-9a-f]{32} [0-9a-f]{32}$/);
  assert.equal(removal?.operation, 'note.delete');
  assert.deepEqual(bench.functions.counts(), { notesRead: 1, notesWritten: 2 });

  const unavailable = () => Promise.reject(new AppError('AUDIT_UNAVAILABLE', 'no room for the record'));
  await using silent = setUp({ record: unavailable });
  const calls: [string, ...unknown[]][] = [
    ['read_file', 'user.md'],
    ['update_file', 'user.md', 'Ada', 'x'],
    ['create_file', 'n.md', 'x'],
    ['delete_file', 'user.md'],
    ['create_dir', 'd'],
    ['list_files'],
    ['check_if_file_exists', 'user.md'],
    ['get_size', ''],
    ['go_to_link', '[[user]]'],
    ['search_memory', 'x'],
    ['fs.read', 'user.md'],
    ['fs.write', 'n.md', 'x'],
    ['fs.remove', 'user.md'],
    ['fs.rename', 'user.md', 'n.md'],
    ['fs.mkdir', 'd'],
  ];
  for (const [name, ...args] of calls) {
    await assert.rejects(silent.call(name, ...args), { name: 'AppError', code: 'AUDIT_UNAVAILABLE' }, name);
  }
  assert.deepEqual(readVault(silent.memory.directory), VAULT);
});

test('names that are no function, and arguments of wrong types, are Python errors', async () => {
  await using bench = setUp();
  await assert.rejects(bench.call('constructor'), { pythonType: 'NameError' });
  await assert.rejects(bench.call('fs.read', 5), { pythonType: 'TypeError' });
  await assert.rejects(bench.call('search_memory', 5), { pythonType: 'TypeError' });
  assert.equal(await bench.call('read_file', null), 'Error: File None does not exist');
  assert.equal(await bench.call('delete_file', {}), false);
});

test('a file that is not text can be read as bytes only', async () => {
  await using bench = setUp();
  const file = bench.memory.plant('picture.md', new Uint8Array([0xff, 0xfe, 0]));
  chmodSync(file, 0o600);
  assert.match(String(await bench.call('read_file', 'picture.md')), /^Error: .*UTF-8/);
  assert.equal(await bench.call('fs.read', 'picture.md'), '//4A');
});

test('a write outside the caller’s paths is refused in the way of each function, and recorded as refused', async () => {
  await using bench = setUp({ paths: { readPaths: ['entities/', 'user.md'], writePaths: ['entities/'] } });
  const { call, operations } = bench;
  await assert.rejects(call('create_file', 'secret/x.md', 'x'), { pythonType: 'Exception', message: /may not write/ });
  assert.equal(await call('update_file', 'user.md', 'Ada', 'Eve'), "Error: Permission denied writing to 'user.md'");
  assert.equal(await call('delete_file', 'user.md'), false);
  assert.equal(await call('create_dir', 'secret'), false);
  await assert.rejects(call('fs.write', 'secret/x.md', 'x'), { pythonType: 'PermissionError' });
  const refused = operations.filter(({ operation }) => operation === 'note.refused').map(({ path }) => path);
  assert.deepEqual(refused, ['secret/x.md', 'user.md', 'user.md', 'secret', 'secret/x.md']);
  assert.deepEqual(readVault(bench.memory.directory), VAULT);
  assert.equal(await call('create_file', 'entities/eve.md', 'x'), true);
});

test('code that asks for a path outside its root or its paths is told of, and recorded as refused', async () => {
  const notes = { ...VAULT, 'secret/x.md': 'x' };
  await using bench = setUp({ notes, paths: { readPaths: ['entities/'], writePaths: ['entities/'] } });
  const { call, operations, refusals } = bench;
  // What every run does first says nothing.
  assert.equal(await call('check_if_file_exists', 'user.md'), false);
  assert.deepEqual(refusals.splice(0), []);
  const out: [string, string[], string, string][] = [
    ['check_if_file_exists', ['secret/x.md'], 'secret/x.md', 'NOT_FOUND'],
    ['read_file', ['secret/x.md'], 'secret/x.md', 'NOT_FOUND'],
    ['read_file', ['secret/no such.md'], 'secret/no such.md', 'NOT_FOUND'],
    ['read_file', ['../../etc/passwd'], '../../etc/passwd', 'PATH_REFUSED'],
    ['go_to_link', ['[[secret/x]]'], 'secret/x.md', 'NOT_FOUND'],
    ['fs.read', ['/etc/passwd'], '/etc/passwd', 'PATH_REFUSED'],
    ['fs.list', ['secret'], 'secret', 'NOT_FOUND'],
    ['get_size', ['secret/x.md'], 'secret/x.md', 'NOT_FOUND'],
    ['create_file', ['secret/y.md', 'y'], 'secret/y.md', 'PERMISSION_DENIED'],
    ['update_file', ['../y.md', 'x', 'y'], '../y.md', 'PATH_REFUSED'],
    ['delete_file', ['secret/x.md'], 'secret/x.md', 'PERMISSION_DENIED'],
    ['fs.write', ['/etc/x', 'y'], '/etc/x', 'PATH_REFUSED'],
  ];
  for (const [name, args, path, code] of out) {
    operations.length = 0;
    await call(name, ...args).catch((error: unknown) => assert.equal((error as Error).name, 'GuestError', name));
    assert.deepEqual(refusals.splice(0), [{ path, code, leadsOut: true }], name);
    assert.deepEqual(operations.at(-1), { operation: 'note.refused', path }, name);
  }
  for (const path of ['entities/bob.md', 'entities/no such.md', 'entities']) {
    await call('check_if_file_exists', path);
    await call('read_file', path);
  }
  assert.deepEqual(refusals, [], 'what is missing or no file inside its paths is no refusal');
});

test('a refusal whose record cannot be written ends the run', async () => {
  let left = 1;
  const record = (): Promise<void> =>
    left-- > 0 ? Promise.resolve() : Promise.reject(new AppError('AUDIT_UNAVAILABLE', 'The disk is full'));
  await using bench = setUp({ record, paths: { readPaths: ['entities/'] } });
  await assert.rejects(bench.call('read_file', 'secret/x.md'), { name: 'AppError', code: 'AUDIT_UNAVAILABLE' });
  assert.deepEqual(bench.refusals, []);
});

test('a note that may not be written is refused when it is opened, not when the code has forgotten it', async () => {
  await using bench = setUp({ paths: { writePaths: ['entities/'] } });
  for (const [path, action] of [
    ['new.md', 'w'],
    ['user.md', 'a'],
    ['user.md', 'r+'],
  ] as const) {
    await assert.rejects(bench.call('fs.open', path, action), { pythonType: 'PermissionError', errno: 13 }, action);
    assert.deepEqual(bench.refusals.splice(0), [{ path, code: 'PERMISSION_DENIED', leadsOut: true }]);
  }
  await bench.call('fs.open', 'entities/new.md', 'w');
  await bench.call('fs.open', 'entities/bob.md', 'a');
  assert.deepEqual(bench.refusals, []);
});
