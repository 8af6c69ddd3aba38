// A daemon that grows old: its upkeep lets old audit records go to archives and rolls up usage, by itself. What is kept and what was
// archived prove the whole together, a changed archive is found, and no sum of the usage has moved.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { callTool } from '../helpers/call-tool.ts';
import { tempDirectory } from '../helpers/run-main.ts';
import { projectRoot } from '../helpers/source-files.ts';
import { startDaemon, type DaemonProcess, type StartDaemonOptions } from '../helpers/start-daemon.ts';
import { until } from '../helpers/until.ts';

const DAY_MS = 86_400_000;
const preload = (name: string): string[] => ['--import', join(projectRoot, 'test/helpers', name)];

interface Verdict {
  ok: boolean;
  records: number;
  reason?: string;
  anchor?: { seq: number };
}

async function verify(daemon: DaemonProcess, ...flags: string[]): Promise<Verdict & { code: number | null }> {
  const { code, stdout, stderr } = await daemon.cli('audit', 'verify', '--json', ...flags);
  assert.ok(stdout.startsWith('{'), stdout + stderr);
  return { ...(JSON.parse(stdout) as Verdict), code };
}

/** Calls of each tool, in several hours of a day, some of which fail. */
async function useTools({ url, keys }: DaemonProcess, shift: (days: number) => void, day: number): Promise<void> {
  const client = { url, key: keys.client };
  for (const hours of [0, 1, 3]) {
    shift(day + hours / 24);
    for (const word of ['name', 'home', 'work']) assert.ok((await callTool(client, 'search', { query: word })).ok);
    assert.ok((await callTool(client, 'fetch', { id: 'user.md' })).ok);
    assert.ok(!(await callTool(client, 'fetch', { id: 'nowhere.md' })).ok);
  }
}

async function totals(daemon: DaemonProcess, by: string): Promise<unknown> {
  const run = await daemon.cli('usage', 'report', '--last', '400d', '--by', by, '--json');
  assert.equal(run.code, 0, run.stderr);
  return (JSON.parse(run.stdout) as { rows: unknown[] }).rows;
}

async function newestSeq(daemon: DaemonProcess): Promise<number> {
  const run = await daemon.cli('audit', 'tail', '-n', '1', '--json');
  return (JSON.parse(run.stdout) as { seq: number }[])[0]?.seq ?? 0;
}

/** How many rows of usage are of an hour, of a whole day, of a whole month. */
function usageRows(stateDir: string): { hours: number; days: number; months: number } {
  using db = new DatabaseSync(join(stateDir, 'core.db'), { readOnly: true, timeout: 5000 });
  const count = (where: string): number =>
    Number(db.prepare(`SELECT count(*) AS n FROM usage WHERE ${where}`).get()?.['n']);
  return { hours: count('hour >= 0'), days: count('hour = -1'), months: count('hour = -2') };
}

test('four months: two archives and the chain prove the whole, the usage adds up', { timeout: 180_000 }, async () => {
  using home = tempDirectory();
  const archives = join(home.path, 'archives');
  const archived = (): string[] => {
    const firstSeq = (name: string): number => Number(name.split('-')[2]);
    try {
      return readdirSync(archives).toSorted((a, b) => firstSeq(a) - firstSeq(b));
    } catch {
      return [];
    }
  };
  const shiftFile = join(home.path, 'shift');
  const shift = (days: number): void => writeFileSync(shiftFile, String(Math.round(days * DAY_MS)));
  shift(-120);
  const options: StartDaemonOptions = {
    stateDir: join(home.path, 'state'),
    memoryDir: join(home.path, 'memory'),
    nodeFlags: [...preload('shifted-clock.ts'), ...preload('hasty-upkeep.ts')],
    env: { MEMA_CLOCK_SHIFT_FILE: shiftFile },
    flags: Object.entries({
      '--audit.retention-days': '30',
      '--audit.archive-dir': archives,
      '--audit.checkpoint-records': '10',
      '--usage.hourly-days': '2',
      '--usage.daily-days': '40',
      '--sandbox.standby': '0',
    }).flat(),
  };
  let publicKey = '';
  let before: unknown[] = [];
  {
    await using daemon = await startDaemon(options);
    await useTools(daemon, shift, -120);
    before = [await totals(daemon, 'key,tool'), await totals(daemon, 'month')];
    assert.ok(usageRows(daemon.stateDir).hours >= 6, 'by the hour');
    assert.deepEqual(archived(), []);
    const key = await daemon.cli('audit', 'public-key');
    publicKey = join(home.path, 'kept.pem');
    writeFileSync(publicKey, key.stdout);

    // Eighty days later, under the running daemon; the first days are in an older month than forty before that, on any date.
    shift(-40);
    await until('a first archive', () => archived().length === 1, 30_000);
    await until('usage by the month', () => usageRows(daemon.stateDir).hours === 0, 30_000);
    assert.ok(usageRows(daemon.stateDir).months > 0, 'months');
    assert.deepEqual([await totals(daemon, 'key,tool'), await totals(daemon, 'month')], before);
    await useTools(daemon, shift, -40);
    before = [await totals(daemon, 'key,tool'), await totals(daemon, 'month')];
  }
  shift(0);
  await using daemon = await startDaemon(options);
  await until('a second archive', () => archived().length === 2, 30_000);
  await until('usage by the day', () => usageRows(daemon.stateDir).hours === 0, 30_000);
  assert.deepEqual([await totals(daemon, 'key,tool'), await totals(daemon, 'month')], before);

  const [first = '', second = ''] = archived().map((name) => join(archives, name));
  const flags = ['--archive', first, '--archive', second];
  const records = await newestSeq(daemon);
  const whole = await verify(daemon, ...flags, '--public-key', publicKey);
  assert.ok(whole.code === 0 && whole.ok, JSON.stringify(whole));
  assert.ok(whole.records >= records && records > 60, `${whole.records} of ${records} records`);
  const kept = await verify(daemon);
  assert.ok(kept.ok && kept.anchor !== undefined && kept.records <= whole.records - kept.anchor.seq + 10);
  assert.equal((await daemon.cli('audit', 'search', '--action', 'audit.prune', '--json')).code, 0);

  const refused = async (why: RegExp, ...given: string[]): Promise<void> => {
    const verdict = await verify(daemon, ...given);
    assert.equal(verdict.code, 1);
    assert.match(verdict.reason ?? '', why);
  };
  await refused(/does not begin where the one before ended/, '--archive', second, '--archive', first);
  await refused(/does not begin where the last archive ends/, '--archive', first);
  const original = readFileSync(second);
  const lines = gunzipSync(original).toString('utf8').split('\n');
  const changed = (change: (lines: string[]) => string[]): void =>
    writeFileSync(second, gzipSync(change([...lines]).join('\n')));
  changed((all) => all.map((line) => line.replace('"action":"tool.search"', '"action":"tool.fetch"')));
  await refused(/ndjson\.gz: record \d+ was changed or is missing/, ...flags);
  changed((all) => all.toSpliced(5, 1));
  await refused(/ndjson\.gz: record \d+ was changed or is missing/, ...flags);
  const isCheckpoint = (line: string): boolean => line.startsWith('{"checkpoint"');
  changed((all) => all.map((line) => (isCheckpoint(line) ? line.replace(/ time=\d{4}/, ' time=2020') : line)));
  await refused(/its checkpoint: /, ...flags);
  writeFileSync(second, original);
  truncateSync(second, original.length - 20);
  await refused(/the file is damaged|its end is missing/, ...flags);
  writeFileSync(second, original);
  assert.ok((await verify(daemon, ...flags)).ok);

  // The daemon looked by itself, and goes on from the anchor when it starts again.
  const metrics = await (await fetch(`${daemon.opsUrl}/metrics`)).text();
  assert.match(metrics, /^memagent_audit_last_verification_ok 1$/m);
  assert.match(metrics, /^memagent_audit_verify_interval_seconds 86400$/m);
  const status = JSON.parse((await daemon.cli('status', '--json')).stdout) as {
    components: { audit: { state: string; details: { verification: string; lastWholeIso: string } } };
  };
  assert.equal(status.components.audit.state, 'ok');
  assert.equal(status.components.audit.details.verification, 'whole');
  assert.ok(Date.now() - Date.parse(status.components.audit.details.lastWholeIso) < 3_600_000);
  await daemon.stop();
  const offline = await verify(daemon, ...flags);
  assert.ok(offline.ok && offline.records >= whole.records, JSON.stringify(offline));
});
