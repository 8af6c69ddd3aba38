// A real daemon under a stand-in for the service manager: what it says from start to stop, and that its children can't speak.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { listTree } from '../../src/sandbox/process-tree.ts';
import { openNotifySocket } from '../helpers/notify-socket.ts';
import { runMain, tempDirectory } from '../helpers/run-main.ts';
import { startDaemon } from '../helpers/start-daemon.ts';

const PERIOD_MS = 1000;

test('ready, status, beats, reload, a reload that fails, stop', async () => {
  using directory = tempDirectory();
  using manager = openNotifySocket(join(directory.path, 'notify'));
  const configFile = join(directory.path, 'config.toml');
  writeFileSync(configFile, 'log.level = "info"\n');
  await using daemon = await startDaemon({
    env: { NOTIFY_SOCKET: manager.address, WATCHDOG_USEC: String(PERIOD_MS * 1000) },
    flags: ['--config', configFile],
  });
  const ready = await manager.waitFor((message) => message['READY'] === '1');
  assert.match(ready['STATUS'] ?? '', /^ready; 0 running, 0 waiting/);
  // No STATUS before it says ready, no beat either.
  assert.equal(manager.messages[0], ready);
  await sleep(PERIOD_MS * 2);
  assert.ok(manager.messages.filter((message) => message['WATCHDOG'] === '1').length >= 4);

  const afterStart = manager.messages.length;
  writeFileSync(configFile, 'log.level = "warn"\n');
  daemon.kill('SIGHUP');
  const reloading = await manager.waitFor((message) => message['RELOADING'] === '1', afterStart);
  assert.match(reloading['MONOTONIC_USEC'] ?? '', /^\d+$/);
  const reloaded = await manager.waitFor((message) => message['READY'] === '1', afterStart);
  assert.equal(reloaded['STATUS'], 'configuration reloaded');

  const afterReload = manager.messages.length;
  writeFileSync(configFile, 'log.level = "loud"\n');
  const run = await daemon.cli('config', 'reload');
  assert.notEqual(run.code, 0);
  await manager.waitFor((message) => message['RELOADING'] === '1', afterReload);
  const refused = await manager.waitFor((message) => message['READY'] === '1', afterReload);
  assert.match(refused['STATUS'] ?? '', /^configuration not reloaded: .*log\.level/);
  // It stays visible, beside everything else.
  await manager.waitFor(
    (message) => /^ready; .*the old configuration stays/.test(message['STATUS'] ?? ''),
    afterReload,
  );

  for (const pid of listTree(daemon.pid).slice(1)) {
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
    assert.ok(!/NOTIFY_SOCKET|WATCHDOG_/.test(environment), environment);
  }

  const beforeStop = manager.messages.length;
  assert.equal((await daemon.stop()).code, 0);
  const stopping = await manager.waitFor((message) => message['STOPPING'] === '1', beforeStop);
  assert.equal(stopping['STATUS'], 'stopping: received SIGTERM');
  assert.equal(stopping['EXTEND_TIMEOUT_USEC'], '45000000');
  assert.ok(!manager.messages.some((message) => message['WATCHDOG'] === 'trigger'));
});

test('a reload from inside the unit, whose configuration cannot be read there, is still the daemon’s to judge', async () => {
  using directory = tempDirectory();
  const configDir = join(directory.path, 'etc');
  mkdirSync(configDir);
  await using daemon = await startDaemon({ configDir });
  writeFileSync(join(configDir, 'config.toml'), 'log.level = "loud"\n');
  const environment = { CONFIGURATION_DIRECTORY: configDir, RUNTIME_DIRECTORY: join(dirname(daemon.stateDir), 'run') };
  const refused = await runMain(['config', 'reload'], { home: directory.path, env: environment });
  assert.deepEqual([refused.code, /log\.level = loud/.test(refused.stderr)], [78, true], refused.stderr);
  const nobody = { ...environment, RUNTIME_DIRECTORY: directory.path };
  assert.equal((await runMain(['config', 'reload'], { home: directory.path, env: nobody })).code, 78);
  writeFileSync(join(configDir, 'config.toml'), '');
  const shown = await daemon.cli('status', '--json');
  const status = JSON.parse(shown.stdout) as {
    components: { config: { state: string } };
  };
  assert.equal(status.components.config.state, 'degraded');
});

test('a wrong configuration ends with 78 and the service manager knows why', async () => {
  using directory = tempDirectory();
  using manager = openNotifySocket(join(directory.path, 'notify'));
  const run = await runMain(['serve', '--http.listen', 'nowhere'], {
    home: directory.path,
    env: { NOTIFY_SOCKET: manager.address },
  });
  assert.equal(run.code, 78);
  const last = await manager.waitFor((message) => message['STATUS'] !== undefined);
  assert.match(last['STATUS'] ?? '', /The configuration is wrong: http\.listen = nowhere/);
  assert.ok(!manager.messages.some((message) => message['READY'] !== undefined));
});
