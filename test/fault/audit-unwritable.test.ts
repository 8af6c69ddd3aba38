// What happens when the audit cannot be written: every tool call is refused with 503 and a code, no note changes, and when
// writing works again the daemon goes on by itself. The audit itself can be read all the while, and who did is recorded later.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { callTool, type ToolTarget } from '../helpers/call-tool.ts';
import { directoryContent } from '../helpers/directory-content.ts';
import { tempDirectory } from '../helpers/run-main.ts';
import { startDaemon, type DaemonProcess } from '../helpers/start-daemon.ts';
import { fillDisk, onSmallDisk } from '../helpers/tmpfs-daemon.ts';

const MIB = 1024 * 1024;
const RECOVERY_MS = 5000;
const TOOLS: Record<string, Record<string, unknown>> = {
  use_memory_agent: { question: 'Remember that my boat is called Selma' },
  search: { query: 'Anna' },
  fetch: { id: 'anna.md' },
  list_files: {},
  memory_status: {},
  create_file: { path: 'new.md', content: '# New\n' },
  update_file: { path: 'anna.md', old_content: 'Lisbon', new_content: 'Porto' },
  delete_file: { path: 'anna.md' },
};

test('a full disk under the audit: 503, no effect, recovery by itself', { timeout: 120_000 }, async (context) => {
  using home = tempDirectory();
  const stateDir = join(home.path, 'state');
  const memoryDir = memoryWithAnna(home.path);
  mkdirSync(stateDir);
  await using daemon = await startDaemon({
    stateDir,
    memoryDir,
    flags: ['--sandbox.standby', '0'],
    wrap: onSmallDisk(stateDir, 128 * MIB),
  });
  const target = { url: daemon.url, key: daemon.keys.client };
  assert.ok((await callTool(target, 'fetch', { id: 'anna.md' })).ok);
  const before = directoryContent(memoryDir);
  {
    using disk = fillDisk(daemon.inside(stateDir));
    // Space that the write-ahead log has already may be used up first; each of these calls is recorded.
    await untilRefused(target, () => disk.fill());
    await assertEveryToolRefused(target, () => disk.fill());
    assert.deepEqual(directoryContent(memoryDir), before, 'a refused call changed the notes');
    assert.equal((await componentState(daemon, 'audit'))?.state, 'failed');
  }
  const recoveredMs = await untilHealthy(daemon);
  context.diagnostic(`recovered ${Math.round(recoveredMs)} ms after space was freed`);
  await assertWorksAgain(daemon, target, memoryDir);
});

test('files of the audit made immutable: 503, no effect, recovery by itself', { timeout: 120_000 }, async (context) => {
  using home = tempDirectory();
  const memoryDir = memoryWithAnna(home.path);
  const stateDir = join(home.path, 'state');
  await using daemon = await startDaemon({ stateDir, memoryDir, flags: ['--sandbox.standby', '0'] });
  const target = { url: daemon.url, key: daemon.keys.client };
  assert.ok((await callTool(target, 'fetch', { id: 'anna.md' })).ok);
  const before = directoryContent(memoryDir);
  {
    using _immutable = makeImmutable(stateDir);
    await assertEveryToolRefused(target, () => undefined);
    await assertAuditReadable(daemon);
    assert.deepEqual(directoryContent(memoryDir), before, 'a refused call changed the notes');
  }
  const recoveredMs = await untilHealthy(daemon);
  context.diagnostic(`recovered ${Math.round(recoveredMs)} ms after the files were writable`);
  await assertWorksAgain(daemon, target, memoryDir);
  await daemon.stop();
  const { stdout } = await daemon.cli(
    'audit',
    'search',
    '--security',
    '--action',
    'security.audit_read_unrecorded',
    '--json',
  );
  const told = (JSON.parse(stdout) as { actorKind: string; content: string }[]).map(({ actorKind, content }) => {
    const { action, count } = JSON.parse(content) as { action: string; count: number };
    return `${actorKind} ${action} ${count > 0}`;
  });
  assert.deepEqual(told.toSorted(), ['key audit.export true', 'key audit.search true', 'key audit.verify true']);
});

test('planted: an audit that fails and is ignored lets calls through, and the notes show it', async () => {
  using home = tempDirectory();
  const memoryDir = memoryWithAnna(home.path);
  const stateDir = join(home.path, 'state');
  await using daemon = await startDaemon({
    stateDir,
    memoryDir,
    flags: ['--sandbox.standby', '0'],
    plantedBug: 'an audit that fails is ignored',
  });
  const target = { url: daemon.url, key: daemon.keys.client };
  const before = directoryContent(memoryDir);
  using _immutable = makeImmutable(stateDir);
  await assert.rejects(() => assertEveryToolRefused(target, () => undefined), assert.AssertionError);
  assert.ok((await callTool(target, 'delete_file', { path: 'anna.md' })).ok);
  assert.notDeepEqual(directoryContent(memoryDir), before);
});

test('control: with a disk that takes writes the same calls do change the notes', async () => {
  using home = tempDirectory();
  const memoryDir = memoryWithAnna(home.path);
  await using daemon = await startDaemon({ memoryDir, flags: ['--sandbox.standby', '0'] });
  const target = { url: daemon.url, key: daemon.keys.client };
  const before = directoryContent(memoryDir);
  for (const [tool, args] of Object.entries(TOOLS))
    assert.equal((await callTool(target, tool, args)).status, 200, tool);
  const after = directoryContent(memoryDir);
  assert.notDeepEqual(after, before);
  assert.equal(after['anna.md'], undefined);
  assert.equal(after['new.md'], '# New\n');
});

/** A file system with open files cannot be remounted read-only; this stops the open files too. */
function makeImmutable(stateDir: string): Disposable {
  const files = ['core.db', 'core.db-wal'].map((name) => join(stateDir, name));
  execFileSync('chattr', ['+i', ...files]);
  return { [Symbol.dispose]: () => void execFileSync('chattr', ['-i', ...files]) };
}

function memoryWithAnna(home: string): string {
  const memoryDir = join(home, 'memory');
  mkdirSync(memoryDir);
  writeFileSync(join(memoryDir, 'anna.md'), '# Anna\n\nLives in Lisbon.\n');
  return memoryDir;
}

async function untilRefused(target: ToolTarget, refill: () => void): Promise<void> {
  for (let index = 0; index < 20_000; index++) {
    refill();
    const { status } = await callTool(target, 'memory_status', {});
    if (status === 503) return;
    assert.equal(status, 200);
  }
  assert.fail('the audit never became unwritable');
}

async function assertEveryToolRefused(target: ToolTarget, refill: () => void): Promise<void> {
  for (const [tool, args] of Object.entries(TOOLS)) {
    refill();
    const { status, code, text } = await callTool(target, tool, args);
    assert.equal(`${tool} ${status} ${code}`, `${tool} 503 AUDIT_UNAVAILABLE`, text);
    assert.doesNotMatch(text, /\n {4}at /);
  }
}

async function assertAuditReadable({ opsUrl, keys }: DaemonProcess): Promise<void> {
  for (const path of ['/audit', '/audit/verify', '/audit/export']) {
    const response = await fetch(`${opsUrl}/admin/v1${path}`, { headers: { authorization: `Bearer ${keys.admin}` } });
    assert.deepEqual([response.status, (await response.text()).length > 0], [200, true], path);
  }
}

interface Health {
  components: Record<string, { state: string; reason: string }>;
}

async function componentState(daemon: DaemonProcess, name: string): Promise<{ state: string } | undefined> {
  const response = await fetch(`${daemon.opsUrl}/health`, {
    headers: { authorization: `Bearer ${daemon.keys.admin}` },
  });
  const { components } = (await response.json()) as Health;
  return components[name];
}

/** Nobody calls meanwhile: the daemon has to notice by itself. */
async function untilHealthy(daemon: DaemonProcess): Promise<number> {
  const startedMs = performance.now();
  while ((await componentState(daemon, 'audit'))?.state !== 'ok') {
    assert.ok(performance.now() - startedMs < RECOVERY_MS, 'the audit did not recover in time');
    await sleep(50);
  }
  return performance.now() - startedMs;
}

async function assertWorksAgain(daemon: DaemonProcess, target: ToolTarget, memoryDir: string): Promise<void> {
  const update = { path: 'anna.md', old_content: 'Lisbon', new_content: 'Faro' };
  const answer = await callTool(target, 'update_file', update);
  assert.ok(answer.ok, answer.text);
  assert.match(directoryContent(memoryDir)['anna.md'] ?? '', /Faro/);
  const { code } = await daemon.stop();
  assert.equal(code, 0, daemon.stderr());
}
