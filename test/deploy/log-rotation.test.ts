// The rotation that is shipped, by the real logrotate, while the daemon logs: no line is lost or torn, also when the reload that
// comes with it is refused. Needs logrotate.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { callTool } from '../helpers/call-tool.ts';
import { cleanEnvironment, MAIN, tempDirectory } from '../helpers/run-main.ts';
import { projectRoot } from '../helpers/source-files.ts';
import { until } from '../helpers/until.ts';

const SHIPPED = readFileSync(join(projectRoot, 'deploy/logging/mem-agent.logrotate'), 'utf8');
const ROTATIONS = 6;

type Line = Record<string, unknown>;

/** The shipped file for this directory and process; everything else stays as it is. */
function ownRotation(logs: string, pid: number): string {
  const kill = /^ *systemctl kill .*$/m;
  assert.match(SHIPPED, kill);
  return SHIPPED.replace('/var/log/mem-agent/', `${logs}/`).replace(kill, `kill -HUP ${pid}`);
}

function linesIn(directory: string): Line[] {
  return readdirSync(directory).flatMap((name) => {
    const bytes = readFileSync(join(directory, name));
    const text = (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
    assert.ok(text === '' || text.endsWith('\n'), `${name} ends within a line`);
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);
  });
}

test('rotation under load loses no line, with a good configuration and with a broken one', async (context) => {
  using home = tempDirectory();
  const logs = join(home.path, 'log');
  const file = join(logs, 'mem-agent.log');
  const config = join(home.path, 'own.toml');
  const rotation = join(home.path, 'rotation');
  for (const directory of [logs, join(home.path, 'memory')]) mkdirSync(directory, { mode: 0o700 });
  writeFileSync(config, 'sandbox.standby = 0\n');
  const flags = ['http.listen=127.0.0.1:0', 'ops.listen=127.0.0.1:0', `log.file=${file}`];
  const places = ['state', 'runtime', 'memory'].map((place) => `${place}.dir=${join(home.path, place)}`);
  const line = [...flags, ...places].flatMap((flag) => `--${flag}`.split('='));
  const daemon = spawn(process.execPath, [MAIN, 'serve', '--config', config, ...line], {
    cwd: home.path,
    env: cleanEnvironment(home.path),
    stdio: 'ignore',
  });
  const ended = once(daemon, 'close');
  try {
    await until('the daemon listens', () => existsSync(file) && readFileSync(file, 'utf8').includes('"listening"'));
    const { http } = linesIn(logs).find(({ msg }) => msg === 'listening') as { http: string };
    const key = /client key +(\S+)/.exec(readFileSync(join(home.path, 'state/first-keys'), 'utf8'))?.[1] ?? '';
    writeFileSync(rotation, ownRotation(logs, daemon.pid ?? 0), { mode: 0o600 });

    let calls = 0;
    const over = new AbortController();
    const callOnAndOn = async (): Promise<void> => {
      while (!over.signal.aborted) {
        const answer = await callTool({ url: `${http}/mcp`, key }, 'list_files', {});
        assert.ok(answer.ok, answer.text);
        calls += 1;
      }
    };
    const load = Promise.all(Array.from({ length: 4 }, callOnAndOn));
    using _over = { [Symbol.dispose]: () => over.abort() };
    load.catch(() => over.abort());
    for (let round = 1; round <= ROTATIONS; round++) {
      if (round === ROTATIONS / 2 + 1) writeFileSync(config, 'no_such_key = 1\n');
      const before = calls;
      const run = spawnSync('logrotate', ['--force', '--state', join(home.path, 'rotated'), rotation], {
        encoding: 'utf8',
      });
      assert.equal(run.status, 0, run.stdout + run.stderr);
      await until(
        `the daemon writes to the new file, round ${round}`,
        () => existsSync(file) && statSync(file).size > 0,
      );
      await until('more calls', () => calls > before + 20);
    }
    over.abort();
    await load;
    daemon.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);

    const all = linesIn(logs);
    const told = all.filter(({ msg }) => msg === 'tool call ended').map(({ requestId }) => String(requestId));
    assert.equal(told.length, calls);
    assert.equal(new Set(told).size, calls, 'each call once');
    assert.ok(all.some(({ msg }) => msg === 'configuration reloaded'));
    assert.ok(all.some(({ msg }) => msg === 'configuration not reloaded, the old one stays'));
    const names = readdirSync(logs);
    assert.deepEqual(
      [names.filter((name) => name.endsWith('.gz')).length, names.length],
      [ROTATIONS - 1, ROTATIONS + 1],
      names.join(),
    );
    for (const name of names) assert.equal(statSync(join(logs, name)).mode & 0o777, 0o600, name);
    context.diagnostic(`${calls} calls, ${all.length} lines in ${names.length} files`);
  } finally {
    if (daemon.exitCode === null) daemon.kill('SIGKILL');
    await ended;
  }
});
