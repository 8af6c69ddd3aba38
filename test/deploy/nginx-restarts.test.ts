// The daemon is restarted again and again under load, behind nginx and on a socket that is held open as systemd holds it: every
// call that is no stream is answered, and what was acknowledged is there. MEMA_FULL=1 restarts 100 times, else 10.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { holdPath } from '../helpers/held-socket.ts';
import { NGINX_FLAGS, startNginx } from '../helpers/nginx.ts';
import { startRestartLoad } from '../helpers/restart-load.ts';
import { tempDirectory } from '../helpers/run-main.ts';
import { startDaemon, type DaemonProcess } from '../helpers/start-daemon.ts';

const RESTARTS = process.env['MEMA_FULL'] === '1' ? 100 : 10;
const CLIENTS = 4;

test(`${RESTARTS} restarts under load fail no call`, { timeout: RESTARTS * 30_000 + 60_000 }, async (t) => {
  using directory = tempDirectory();
  const path = join(directory.path, 'http.sock');
  using socket = holdPath(path);
  const memoryDir = join(directory.path, 'memory');
  const start = (): Promise<DaemonProcess> =>
    startDaemon({
      sockets: [{ name: 'http', fd: socket.fd }],
      stateDir: join(directory.path, 'state'),
      memoryDir,
      flags: NGINX_FLAGS,
    });
  let daemon = await start();
  try {
    const keys: string[] = [];
    for (let index = 0; index < CLIENTS; index++) {
      const made = await daemon.cli(
        'keys',
        'create',
        '--name',
        `load ${index}`,
        '--scopes',
        'agent,memory:read,memory:write',
        '--json',
      );
      keys.push((JSON.parse(made.stdout) as { key: string }).key);
    }
    await using nginx = await startNginx([`unix:${path}`]);
    await using load = startRestartLoad(`${nginx.url}/mcp`, keys);
    const stopMs: number[] = [];
    const startMs: number[] = [];
    for (let restart = 0; restart < RESTARTS; restart++) {
      await sleep(1000);
      const stopping = performance.now();
      const exit = await daemon.stop();
      stopMs.push(performance.now() - stopping);
      assert.deepEqual(exit, { code: 0, signal: null }, daemon.stderr());
      const starting = performance.now();
      daemon = await start();
      startMs.push(performance.now() - starting);
    }
    await sleep(1000);
    await load.finish();
    t.diagnostic(
      JSON.stringify({
        answered: load.answered,
        failed: load.failures.length,
        slowestMs: Math.round(load.slowestMs),
        notes: load.acknowledged.length,
        runs: load.runs,
        subscriptions: load.subscriptions,
        stopMs: spread(stopMs),
        startMs: spread(startMs),
      }),
    );
    assert.deepEqual(load.failures, []);
    assert.ok(load.answered > RESTARTS * 5, String(load.answered));
    assert.ok(load.subscriptions.ended >= RESTARTS && load.runs.finished > RESTARTS);
    assert.deepEqual(
      load.acknowledged.filter((note) => !existsSync(join(memoryDir, note))),
      [],
    );
    assert.ok(Math.max(...stopMs) <= 10_000, String(stopMs));
    assert.ok(median(startMs) <= 10_000, String(startMs));
  } finally {
    await daemon[Symbol.asyncDispose]();
  }
});

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function spread(values: readonly number[]): { median: number; worst: number } {
  return { median: Math.round(median(values)), worst: Math.round(Math.max(...values)) };
}
