// `npm start` as a newcomer types it: compiles once, becomes the daemon itself (so that signals reach it), and stays small.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DAEMON_NODE_FLAGS } from '../../src/cli/start-daemon.ts';
import { cleanEnvironment, tempDirectory } from '../helpers/run-main.ts';
import { projectRoot } from '../helpers/source-files.ts';
import { until } from '../helpers/until.ts';

test('npm start serves, with the flags of the daemon, and ends in order on SIGTERM', { timeout: 120_000 }, async () => {
  using home = tempDirectory();
  const at = (name: string): string => join(home.path, name);
  const listeners = ['--http.listen', '127.0.0.1:0', '--ops.listen', '127.0.0.1:0'];
  const places = ['--state.dir', at('state'), '--runtime.dir', at('run'), '--memory.dir', at('memory')];
  const npm = spawn('npm', ['start', '--', ...listeners, ...places, '--sandbox.standby', '0'], {
    cwd: projectRoot,
    env: cleanEnvironment(home.path),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  npm.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const exited = once(npm, 'exit');
  try {
    await until('the log says where it listens', () => /"msg":"listening"/.test(stderr), 60_000);
    const { pid } = JSON.parse(/^.*"msg":"listening".*$/m.exec(stderr)?.[0] ?? '{}') as { pid: number };
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    assert.deepEqual(command.slice(1, 4), [...DAEMON_NODE_FLAGS, 'src/main.ts', 'serve']);
    assert.match(readFileSync(`/proc/${pid}/environ`, 'utf8'), /NODE_COMPILE_CACHE=[^\0]*node_modules\/\.cache/);
    npm.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null], stderr);
    assert.match(stderr, /"state":"stopped"/);
  } finally {
    npm.kill('SIGTERM');
  }
});
