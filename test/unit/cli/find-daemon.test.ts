// Where the daemon is looked for, and that "permission denied" never passes for "no daemon".
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, test } from 'node:test';
import { findDaemon, type PackagedPlaces } from '../../../src/cli/find-daemon.ts';
import { probeSocket } from '../../../src/cli/unix-fetch.ts';
import { loadConfig, type LoadedConfig } from '../../../src/config/load-config.ts';

let directory: string;
let packaged: PackagedPlaces;
const servers: Server[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ma-find-'));
  packaged = { runtimeDirectory: join(directory, 'run'), stateDirectory: join(directory, 'lib') };
});
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  chmodSync(directory, 0o700);
  rmSync(directory, { recursive: true, force: true });
});

async function listenOn(path: string): Promise<void> {
  mkdirSync(join(path, '..'), { recursive: true });
  const server = createServer((socket) => socket.end());
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
}

function load(flags: Record<string, string> = {}, env: Record<string, string> = {}): LoadedConfig {
  return loadConfig({
    flags,
    env: { XDG_RUNTIME_DIR: join(directory, 'xdg'), ...env },
    cwd: directory,
    home: directory,
    systemConfigDir: join(directory, 'etc'),
  });
}
const ownSocket = (): string => join(directory, 'xdg', 'mem-agent', 'admin.sock');
const packagedSocket = (): string => join(packaged.runtimeDirectory, 'admin.sock');

test('nothing anywhere: the own place, no daemon', async () => {
  assert.deepEqual(await findDaemon(load(), packaged), { socketPath: ownSocket(), isRunning: false, flags: {} });
});

test('the packaged daemon is found before one of the user, and brings its places', async () => {
  await listenOn(ownSocket());
  assert.equal((await findDaemon(load(), packaged)).socketPath, ownSocket());
  await listenOn(packagedSocket());
  const found = await findDaemon(load(), packaged);
  assert.equal(found.socketPath, packagedSocket());
  assert.equal(found.flags['state.dir'], packaged.stateDirectory);
});

test('a packaged store without a daemon is the one that is meant', async () => {
  mkdirSync(packaged.stateDirectory);
  writeFileSync(join(packaged.stateDirectory, 'core.db'), '');
  const found = await findDaemon(load(), packaged);
  assert.equal(found.isRunning, false);
  assert.equal(found.flags['state.dir'], packaged.stateDirectory);
});

test('flags and systemd say where, and then nowhere else is looked', async () => {
  await listenOn(packagedSocket());
  const runtime = join(directory, 'mine');
  assert.equal((await findDaemon(load({ 'runtime.dir': runtime }), packaged)).socketPath, join(runtime, 'admin.sock'));
  assert.equal(
    (await findDaemon(load({}, { RUNTIME_DIRECTORY: runtime }), packaged)).socketPath,
    join(runtime, 'admin.sock'),
  );
  assert.equal((await findDaemon(load({}, { STATE_DIRECTORY: runtime }), packaged)).isRunning, false);
});

test('a socket file without a listener is stale, one without permission is an error', async () => {
  await listenOn(packagedSocket());
  assert.equal(await probeSocket(packagedSocket()), 'listening');
  assert.equal(await probeSocket(join(directory, 'none.sock')), 'absent');
  const plain = join(directory, 'plain.sock');
  writeFileSync(plain, '');
  assert.equal(await probeSocket(plain), 'stale');
  chmodSync(packagedSocket(), 0);
  chmodSync(directory, 0o755);
  // Root may everything: the look is taken by a process of somebody else.
  const script = `import { probeSocket } from '${new URL('../../../src/cli/unix-fetch.ts', import.meta.url).href}';
    await probeSocket(process.argv[1]).then(console.log, (error) => console.log(error.code, error.hint));`;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', script, packagedSocket()],
    process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {},
  );
  assert.match(stdout, /^PERMISSION_DENIED Run the command as the user/);
});
