// What a start finds out about the audit it takes over: told as a security event, counted, and in the audit itself.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { tempDirectory } from '../helpers/run-main.ts';
import { startDaemon, type DaemonProcess } from '../helpers/start-daemon.ts';
import { until } from '../helpers/until.ts';

async function countOf(daemon: DaemonProcess, event: string): Promise<number> {
  const metrics = await (await fetch(`${daemon.opsUrl}/metrics`)).text();
  return Number(
    new RegExp(`^memagent_security_events_total\\{event="${event}"\\} (\\d+)$`, 'm').exec(metrics)?.[1] ?? 0,
  );
}

async function actionsOf(daemon: DaemonProcess): Promise<string[]> {
  const { stdout } = await daemon.cli('audit', 'search', '--security', '--json');
  return (JSON.parse(stdout) as { action: string }[]).map(({ action }) => action);
}

test('a chain that was cut and a signing key that nobody vouched for', async () => {
  using home = tempDirectory();
  const stateDir = join(home.path, 'state');
  {
    await using first = await startDaemon({ stateDir });
    assert.deepEqual([await countOf(first, 'chain_broken'), await countOf(first, 'signing_key_changed')], [0, 0]);
    await first.cli('keys', 'list');
    await first.stop();
  }
  rmSync(join(stateDir, 'audit-signing.pem'));
  {
    await using second = await startDaemon({ stateDir });
    assert.equal(await countOf(second, 'signing_key_changed'), 1);
    await until('the record', async () => (await actionsOf(second)).includes('security.signing_key_changed'));
    await second.stop();
  }
  const db = new Database(join(stateDir, 'core.db'));
  for (const trigger of db.prepare<[], string>("SELECT name FROM sqlite_master WHERE type = 'trigger'").pluck().all())
    db.exec(`DROP TRIGGER ${trigger}`);
  db.exec('DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)');
  db.close();
  await using third = await startDaemon({ stateDir });
  assert.equal(await countOf(third, 'chain_broken'), 1);
  assert.match(third.stderr(), /"securityId":"SEC-010"/);
  await third.cli('keys', 'list');
  assert.ok((await actionsOf(third)).includes('security.chain_broken'));
});
