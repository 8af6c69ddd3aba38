// memory.roots changes: a reload names it until the restart, a directory is never opened twice, and after the restart nothing of a
// removed root is left in the index; brought back, it is found again.
import assert from 'node:assert/strict';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { callTool } from '../helpers/call-tool.ts';
import { tempDirectory } from '../helpers/run-main.ts';
import { startDaemon, type DaemonProcess } from '../helpers/start-daemon.ts';
import { until } from '../helpers/until.ts';

interface Reloaded {
  applied: string[];
  needRestart: string[];
}

interface RootRow {
  name: string;
  index: string;
  indexedNotes: number;
}

async function reload(daemon: DaemonProcess): Promise<Reloaded> {
  const run = await daemon.cli('config', 'reload', '--json');
  assert.equal(run.code, 0, run.stderr);
  return JSON.parse(run.stdout) as Reloaded;
}

/** What the log says from here on about one SIGHUP. */
async function hangUp(daemon: DaemonProcess, expected: RegExp): Promise<void> {
  const seen = daemon.stderr().length;
  daemon.kill('SIGHUP');
  await until(String(expected), () => expected.test(daemon.stderr().slice(seen)));
}

async function untilIndexed(daemon: DaemonProcess, name: string, notes: number): Promise<void> {
  await until(`${name} is indexed`, async () => {
    const run = await daemon.cli('roots', 'list', '--json');
    const rows = JSON.parse(run.stdout) as RootRow[];
    return rows.some((row) => row.name === name && row.index === 'ready' && row.indexedNotes === notes);
  });
}

function indexOf(stateDir: string): { roots: string[]; tables: number; sizeBytes: number } {
  const file = join(stateDir, 'index.db');
  using db = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
  const names = db.prepare('SELECT name FROM memory_roots ORDER BY name').all();
  const tables = db.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE name GLOB 'root_*_notes'").get();
  return {
    roots: names.map(({ name }) => String(name)),
    tables: Number(tables?.['n']),
    sizeBytes: statSync(file).size,
  };
}

const NOTES = 400;

test('a root goes and comes back', { timeout: 120_000 }, async () => {
  using home = tempDirectory();
  const [configDir, notes, work] = ['config', 'notes', 'work'].map((name) => join(home.path, name)) as [
    string,
    string,
    string,
  ];
  for (const directory of [configDir, notes, work]) mkdirSync(directory);
  writeFileSync(join(notes, 'user.md'), '# Kim\n\nlives in Lisbon\n');
  for (let note = 0; note < NOTES; note += 1) {
    const words = Array.from({ length: 500 }, (_, index) => `w${(note * 7919 + index * 104_729) % 100_003}`);
    writeFileSync(join(work, `n${note}.md`), `# Note ${note}\n\nzeppelin ${words.join(' ')}\n`);
  }
  const configure = (memoryDir: string, roots: string[]): void =>
    writeFileSync(
      join(configDir, 'config.toml'),
      `[memory]\ndir = "${memoryDir}"\nroots = ${JSON.stringify(roots)}\n[sandbox]\nstandby = 0\n`,
    );
  const withWork = [`name=work path=${work}`];
  configure(notes, withWork);
  const options = { stateDir: join(home.path, 'state'), configDir };
  let key = '';
  {
    await using daemon = await startDaemon(options);
    const made = await daemon.cli(
      'keys',
      'create',
      '--name',
      'w',
      '--scopes',
      'memory:read',
      '--root',
      'work',
      '--json',
    );
    ({ key } = JSON.parse(made.stdout) as { key: string });
    await untilIndexed(daemon, 'work', NOTES);
    assert.match((await callTool({ url: daemon.url, key }, 'search', { query: 'zeppelin' })).text, /n\d+\.md/);

    configure(notes, []);
    await hangUp(
      daemon,
      /"level":"?(warn|40)"?.*"needsRestart":\["memory\.roots"\].*"msg":"configuration reloaded.*restart/,
    );
    assert.deepEqual(await reload(daemon), { applied: [], needRestart: ['memory.roots'] }, 'it still waits');
    const text = await daemon.cli('config', 'reload');
    assert.match(text.stdout, /Needs a restart: memory\.roots/);
    assert.match((await callTool({ url: daemon.url, key }, 'search', { query: 'zeppelin' })).text, /n\d+\.md/);

    // Free in the configuration, but open in this process: two write locks would guard one directory.
    configure(work, []);
    await hangUp(daemon, /the memory root work.*old one stays/);
    const refused = await daemon.cli('config', 'reload');
    assert.equal(refused.code, 1, refused.stdout);
    assert.match(refused.stderr, /work.*restart/is);

    configure(notes, withWork);
    assert.deepEqual(await reload(daemon), { applied: [], needRestart: [] }, 'as it runs');
    configure(notes, []);
    assert.deepEqual((await reload(daemon)).needRestart, ['memory.roots']);
  }
  const before = indexOf(options.stateDir);
  assert.deepEqual([before.roots, before.tables], [['default', 'work'], 2]);
  {
    await using daemon = await startDaemon(options);
    assert.deepEqual(await reload(daemon), { applied: [], needRestart: [] });
    const refused = await callTool({ url: daemon.url, key }, 'search', { query: 'zeppelin' });
    assert.ok(!refused.ok && /no memory root "work" any more/.test(refused.text), refused.text);
    const other = await callTool({ url: daemon.url, key: daemon.keys.client }, 'search', { query: 'zeppelin' });
    assert.doesNotMatch(other.text, /n\d+\.md/);
    configure(notes, withWork);
    await hangUp(daemon, /"needsRestart":\["memory\.roots"\]/);
  }
  const without = indexOf(options.stateDir);
  assert.deepEqual([without.roots, without.tables], [['default'], 1]);
  assert.ok(without.sizeBytes < before.sizeBytes / 2, `${before.sizeBytes} bytes, then ${without.sizeBytes}`);

  await using daemon = await startDaemon(options);
  await untilIndexed(daemon, 'work', NOTES);
  assert.match((await callTool({ url: daemon.url, key }, 'search', { query: 'zeppelin' })).text, /n\d+\.md/);
});
