// Which source wins, where files are sought, and how text becomes typed values.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { FlagValue } from '../../../src/config/flag-layer.ts';
import { createMachine } from './config-fixture.ts';

test('each layer beats the next', () => {
  using machine = createMachine();
  const { cwd, userConfig } = machine;
  const configFile = join(cwd, 'extra.toml');
  const flags: Record<string, FlagValue> = { 'memory.dir': '/from/flag' };
  const env: Record<string, string> = { MEM_AGENT_MEMORY_DIR: '/from/env', MEMORY_DIR: '/from/legacy-env' };
  machine.write(configFile, '[memory]\ndir = "/from/config-flag"');
  machine.write(join(userConfig, 'config.toml'), '[memory]\ndir = "/from/config.toml"');
  machine.write(join(userConfig, 'conf.d', '10-a.toml'), 'memory.dir = "/from/conf.d/10"');
  machine.write(join(userConfig, 'conf.d', '20-b.toml'), 'memory.dir = "/from/conf.d/20"');
  machine.write(join(userConfig, '.memory_path'), '/from/legacy-file\n');
  machine.write(join(cwd, '.memory_path'), '/from/legacy-cwd\n');

  const steps: [string, string, () => void][] = [
    ['/from/flag', 'flag --memory.dir', () => delete flags['memory.dir']],
    ['/from/env', 'environment variable MEM_AGENT_MEMORY_DIR', () => delete env['MEM_AGENT_MEMORY_DIR']],
    ['/from/legacy-env', 'environment variable MEMORY_DIR', () => delete env['MEMORY_DIR']],
    ['/from/config-flag', configFile, () => machine.write(configFile, '')],
    [
      '/from/conf.d/20',
      join(userConfig, 'conf.d/20-b.toml'),
      () => machine.write(join(userConfig, 'conf.d/20-b.toml'), ''),
    ],
    [
      '/from/conf.d/10',
      join(userConfig, 'conf.d/10-a.toml'),
      () => machine.write(join(userConfig, 'conf.d/10-a.toml'), ''),
    ],
    ['/from/config.toml', join(userConfig, 'config.toml'), () => machine.write(join(userConfig, 'config.toml'), '')],
    [
      '/from/legacy-file',
      join(userConfig, '.memory_path'),
      () => machine.write(join(userConfig, '.memory_path'), ' \n'),
    ],
    ['/from/legacy-cwd', join(cwd, '.memory_path'), () => machine.write(join(cwd, '.memory_path'), '')],
    [join(machine.home, '.local/share/mem-agent/memory'), 'default (XDG)', () => {}],
  ];
  for (const [value, source, removeLayer] of steps) {
    const loaded = machine.load({ flags, env, configFile });
    assert.equal(loaded.config.memory.dir, value);
    assert.equal(loaded.sources.get('memory.dir'), source);
    removeLayer();
  }
});

test('config.toml: $CONFIGURATION_DIRECTORY, else /etc, else XDG; conf.d of that directory only', () => {
  using machine = createMachine();
  const given = join(machine.cwd, 'given');
  const xdg = join(machine.cwd, 'xdg');
  machine.write(join(given, 'config.toml'), 'log.level = "debug"');
  machine.write(join(machine.etc, 'config.toml'), 'log.level = "warn"');
  machine.write(join(machine.etc, 'conf.d/a.toml'), 'agent.max_turns = 7');
  machine.write(join(machine.etc, 'conf.d/.hidden.toml'), 'agent.max_turns = 8');
  machine.write(join(machine.etc, 'conf.d/note.txt'), 'not TOML');
  machine.write(join(xdg, 'mem-agent/config.toml'), 'log.level = "error"');
  const byVariable = machine.load({ env: { CONFIGURATION_DIRECTORY: `${given}:/other`, XDG_CONFIG_HOME: xdg } });
  assert.deepEqual([byVariable.configDir, byVariable.config.log.level], [given, 'debug']);
  assert.equal(byVariable.config.agent.maxTurns, 20);
  const byEtc = machine.load({ env: { XDG_CONFIG_HOME: xdg } });
  assert.deepEqual([byEtc.config.log.level, byEtc.config.agent.maxTurns], ['warn', 7]);
  assert.deepEqual(byEtc.files, [join(machine.etc, 'config.toml'), join(machine.etc, 'conf.d/a.toml')]);
  const byXdg = machine.load({ env: { XDG_CONFIG_HOME: xdg }, systemConfigDir: join(machine.cwd, 'none') });
  assert.equal(byXdg.config.log.level, 'error');
});

test('directories follow systemd, then XDG, then the home directory', () => {
  using machine = createMachine();
  const systemd = machine.load({
    env: { STATE_DIRECTORY: '/s/a:/s/b', RUNTIME_DIRECTORY: '/r', XDG_RUNTIME_DIR: '/x' },
  });
  assert.deepEqual(
    [systemd.config.state.dir, systemd.config.memory.dir, systemd.config.runtime.dir, systemd.config.admin.socket],
    ['/s/a', '/s/a/memory', '/r', '/r/admin.sock'],
  );
  const own = machine.load({ env: { XDG_RUNTIME_DIR: '/xr' }, flags: { 'state.dir': '/elsewhere' } });
  assert.equal(own.config.runtime.dir, '/elsewhere/run');
  const xdg = machine.load({ env: { XDG_STATE_HOME: '/xs', XDG_DATA_HOME: '/xd', XDG_RUNTIME_DIR: '/xr' } });
  assert.deepEqual(
    [xdg.config.state.dir, xdg.config.memory.dir, xdg.config.runtime.dir],
    ['/xs/mem-agent', '/xd/mem-agent/memory', '/xr/mem-agent'],
  );
  const relative = machine.load({ env: { XDG_STATE_HOME: 'not/absolute' }, flags: {} });
  assert.equal(relative.config.state.dir, join(machine.home, '.local/state/mem-agent'));
  assert.equal(relative.config.runtime.dir, join(machine.home, '.local/state/mem-agent/run'));
  const moved = machine.load({ flags: { 'state.dir': '~/elsewhere' } });
  assert.equal(moved.config.admin.socket, join(machine.home, 'elsewhere/run/admin.sock'));
});

test('relative paths are taken from the file that names them, or from the working directory', () => {
  using machine = createMachine();
  machine.write(join(machine.userConfig, 'config.toml'), 'memory.dir = "notes"\nhttp.listen = "unix:run/http.sock"');
  assert.equal(machine.load().config.memory.dir, join(machine.userConfig, 'notes'));
  assert.deepEqual(machine.load().config.http.listen, {
    kind: 'unix',
    path: join(machine.userConfig, 'run/http.sock'),
  });
  assert.equal(machine.load({ env: { MEM_AGENT_MEMORY_DIR: 'notes' } }).config.memory.dir, join(machine.cwd, 'notes'));
});

test('numbers, booleans and lists are read from variables and flags', () => {
  using machine = createMachine();
  for (const [text, value] of [
    ['true', true],
    ['1', true],
    ['YES', true],
    ['on', true],
    ['false', false],
    ['0', false],
    ['no', false],
    ['off', false],
  ] as const) {
    assert.equal(machine.load({ env: { MEM_AGENT_HTTP_LEGACY_SESSIONS: text } }).config.http.legacySessions, value);
  }
  const { config } = machine.load({
    env: { MEM_AGENT_HTTP_ALLOWED_HOSTS: 'a.example, b.example:8443,,', MEM_AGENT_MODEL_TEMPERATURE: '.25' },
    flags: {
      'agent.max-turns': '7',
      'http.maxBodyBytes': '4096',
      'http.legacy-sessions': true,
      'http.allowed_origins': ['https://a.example,https://b.example', 'http://c.example:81'],
      'model.top-p': ['0.1', '0.5'],
      'log.level': undefined,
    },
  });
  assert.deepEqual(config.http.allowedHosts, ['a.example', 'b.example:8443']);
  assert.deepEqual(config.http.allowedOrigins, ['https://a.example', 'https://b.example', 'http://c.example:81']);
  assert.equal(config.model.temperature, 0.25);
  assert.equal(config.model.topP, 0.5);
  assert.equal(config.agent.maxTurns, 7);
  assert.equal(config.http.maxBodyBytes, 4096);
  assert.equal(config.http.legacySessions, true);
});

test('an empty variable counts as not set', () => {
  using machine = createMachine();
  const env = { MEM_AGENT_AGENT_MAX_TURNS: '', MEM_AGENT_NO_SUCH_KEY: '', MCP_PORT: '', VLLM_HOST: '', MEMORY_DIR: '' };
  const { config } = machine.load({ env });
  assert.deepEqual([config.agent.maxTurns, config.http.listen], [20, { kind: 'tcp', host: '127.0.0.1', port: 8081 }]);
  assert.equal(config.model.backend, 'builtin');
});

test('the types of the configuration follow from the table', () => {
  using machine = createMachine();
  const { config } = machine.load({ flags: { 'model.base-url': 'http://127.0.0.1:8000/v1/' } });
  // Each assignment is a compile-time check: a wrong type in the table breaks tsc.
  const backend: 'builtin' | 'openai' = config.model.backend;
  const trust: 'local' | 'cloud' = config.model.trust;
  const transport: 'stdio' | 'http' | 'dual' = config.mcp.transport;
  const bytes: number = config.http.maxConnectionsPerAddress;
  const hosts: readonly string[] = config.http.allowedHosts;
  const sessions: boolean = config.http.legacySessions;
  assert.deepEqual([backend, trust, transport, bytes, hosts, sessions], ['openai', 'local', 'http', 256, [], false]);
  assert.equal(config.model.baseUrl, 'http://127.0.0.1:8000/v1');
});
