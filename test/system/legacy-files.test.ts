// The files of the Python original, edited under a running daemon: the next question goes to the other model, and to the
// other notes. A wrong path keeps the notes in use and is told; runs that are under way end on the notes they began with.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { block, reply } from '../helpers/agent-run.ts';
import { callTool, type ToolTarget } from '../helpers/call-tool.ts';
import { startEngine, type Engine } from '../helpers/engine/start-engine.ts';
import { tempDirectory, type TempDirectory } from '../helpers/run-main.ts';
import { startDaemon, type DaemonProcess } from '../helpers/start-daemon.ts';
import { until } from '../helpers/until.ts';

interface Place {
  write(name: string, text: string): void;
  remove(name: string): void;
  path(name: string): string;
}

test('.mlx_model_name: the next question asks the other model', { timeout: 180_000 }, async () => {
  using home = tempDirectory();
  const config = placeIn(home);
  config.write('.mlx_model_name', 'first\n');
  const replies = [reply('Nothing is known yet.')];
  await using engine = await startEngine({
    models: ['first', 'second'],
    script: { rules: [{ pattern: '.', replies }] },
  });
  await using daemon = await start(home, ['--model.base-url', engine.baseUrl]);
  const target = targetOf(daemon);
  const ask = { question: 'Where do I live?' };
  assert.equal((await callTool(target, 'use_memory_agent', ask)).structured['model'], 'first');

  config.write('.mlx_model_name', 'second\n');
  assert.equal((await callTool(target, 'use_memory_agent', ask)).structured['model'], 'second');
  assert.deepEqual(await modelsAsked(engine), ['first', 'second']);
  assert.match(daemon.stderr(), /"applied":\["model.name"\]/);

  // Without the file the server's own first model is asked again.
  config.remove('.mlx_model_name');
  assert.equal((await callTool(target, 'use_memory_agent', ask)).structured['model'], 'first');
});

test('.memory_path: the next question is about the other notes, with no restart', { timeout: 180_000 }, async () => {
  using home = tempDirectory();
  const config = placeIn(home);
  writeNotes(home, 'one', 'Lisbon');
  writeNotes(home, 'two', 'Porto');
  config.write('.memory_path', `${join(home.path, 'one')}\n`);
  await using daemon = await start(home);
  const target = targetOf(daemon);
  assert.match(await textOf(target), /Lisbon/);

  config.write('.memory_path', `${join(home.path, 'two')}\n`);
  const asked = await callTool(target, 'use_memory_agent', { question: 'What is my city?' });
  assert.match(asked.text, /Porto/);
  assert.match(await textOf(target), /Porto/);
  await until('search knows the new notes', async () => (await idsFound(target, 'Porto')).includes('user.md'));
  assert.deepEqual(await idsFound(target, 'Lisbon'), []);
  assert.ok((await callTool(target, 'create_file', { path: 'new.md', content: '# New\n' })).ok);
  assert.equal(readFileSync(join(home.path, 'two', 'new.md'), 'utf8'), '# New\n');

  // Nobody asks: it is noticed all the same. And back again, to notes that were left alone meanwhile.
  config.write('.memory_path', `${join(home.path, 'one')}\n`);
  await until('the change is noticed without a question', async () => /Lisbon/.test(await textOf(target)));
  await until('search knows the old notes', async () => (await idsFound(target, 'Lisbon')).includes('user.md'));
  assert.deepEqual(await idsFound(target, 'Porto'), []);
  const exported = await daemon.cli('audit', 'export');
  assert.equal(exported.stdout.split('\n').filter((line) => line.includes('"config.reload"')).length > 0, true);
  assert.deepEqual(await daemon.stop(), { code: 0, signal: null });
  const verified = await daemon.cli('audit', 'verify', '--json');
  assert.equal(verified.code, 0, verified.stdout + verified.stderr);
});

test(
  '.memory_path that leads nowhere: the notes stay, the fix is told, and it heals',
  { timeout: 180_000 },
  async () => {
    using home = tempDirectory();
    const config = placeIn(home);
    writeNotes(home, 'one', 'Lisbon');
    writeFileSync(join(home.path, 'file'), 'no directory');
    config.write('.memory_path', `${join(home.path, 'one')}\n`);
    await using daemon = await start(home);
    const target = targetOf(daemon);

    config.write('.memory_path', `${join(home.path, 'file')}\n`);
    const asked = await callTool(target, 'use_memory_agent', { question: 'What is my city?' });
    assert.match(asked.text, /Lisbon/);
    const { state, reason } = await configHealth(daemon);
    assert.equal(state, 'degraded');
    assert.match(reason, /is a file.*Set memory\.dir to a directory/);
    assert.match(daemon.stderr(), /the old one stays/);
    assert.doesNotMatch(daemon.stderr(), /^ {4}at /m);
    const reloaded = await daemon.cli('config', 'reload');
    assert.equal(reloaded.code, 1);
    assert.match(reloaded.stderr, /Set memory\.dir to a directory/);
    assert.match(await textOf(target), /Lisbon/);

    // The fix is on the disk, not in the file: it is tried again.
    rmSync(join(home.path, 'file'));
    writeNotes(home, 'file', 'Porto');
    assert.equal((await daemon.cli('config', 'reload')).code, 0);
    assert.match(await textOf(target), /Porto/);
    assert.equal((await configHealth(daemon)).state, 'ok');
  },
);

test('a run under way ends on the notes it began with, and loses nothing', { timeout: 180_000 }, async () => {
  using home = tempDirectory();
  const config = placeIn(home);
  writeNotes(home, 'one', 'Lisbon');
  writeNotes(home, 'two', 'Porto');
  config.write('.memory_path', `${join(home.path, 'one')}\n`);
  const slow = {
    text: block('done = update_file("user.md", "Lisbon", "Faro")\nassert done is True, done'),
    chunkDelayMs: 100,
  };
  const replies = [block('user = read_file("user.md")'), slow, reply('Moved.')];
  await using engine = await startEngine({ script: { rules: [{ pattern: '.', replies }] } });
  await using daemon = await start(home, ['--model.base-url', engine.baseUrl]);
  const target = targetOf(daemon);

  const running = callTool(target, 'use_memory_agent', { question: 'I moved to Faro' });
  await until('the second turn of the run', async () => (await engine.requests()).length === 2);
  config.write('.memory_path', `${join(home.path, 'two')}\n`);
  daemon.kill('SIGHUP');
  await until('the new notes are in use', async () => /Porto/.test(await textOf(target)));
  const answered = await running;
  assert.ok(answered.ok, answered.text);
  assert.match(readFileSync(join(home.path, 'one', 'user.md'), 'utf8'), /Faro/);
  assert.match(readFileSync(join(home.path, 'two', 'user.md'), 'utf8'), /Porto/);
  assert.deepEqual(await daemon.stop(), { code: 0, signal: null });
});

function placeIn(home: TempDirectory): Place {
  const path = (name: string): string => join(home.path, 'config', name);
  mkdirSync(path(''));
  return { path, write: (name, text) => writeFileSync(path(name), text), remove: (name) => rmSync(path(name)) };
}

function start(home: TempDirectory, flags: readonly string[] = []): Promise<DaemonProcess> {
  return startDaemon({ configDir: join(home.path, 'config'), flags: ['--sandbox.standby', '0', ...flags] });
}

function writeNotes(home: TempDirectory, name: string, city: string): void {
  mkdirSync(join(home.path, name));
  writeFileSync(join(home.path, name, 'user.md'), `# User\n- city: ${city}\n`);
}

function targetOf(daemon: DaemonProcess): ToolTarget {
  return { url: daemon.url, key: daemon.keys.client };
}

async function textOf(target: ToolTarget): Promise<string> {
  return String((await callTool(target, 'fetch', { id: 'user.md' })).structured['text']);
}

async function idsFound(target: ToolTarget, query: string): Promise<string[]> {
  const found = await callTool(target, 'search', { query });
  return (found.structured['results'] as { id: string }[]).map(({ id }) => id);
}

async function modelsAsked(engine: Engine): Promise<string[]> {
  return (await engine.requests()).map(({ body }) => body.model);
}

async function configHealth(daemon: DaemonProcess): Promise<{ state: string; reason: string }> {
  const response = await fetch(`${daemon.opsUrl}/health`);
  const { components } = (await response.json()) as { components: Record<string, { state: string; reason: string }> };
  return components['config'] ?? { state: 'missing', reason: '' };
}
