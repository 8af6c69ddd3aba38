// What is wrong is found all at once, and each problem names key, source, value and the fix.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AppError } from '../../../src/lib/app-error.ts';
import { CONFIG_KEYS } from '../../../src/config/schema.ts';
import { envNameOf, flagNameOf } from '../../../src/config/config-key.ts';
import { createMachine } from './config-fixture.ts';

test('unknown keys in a file, a variable and a flag: the nearest known one is suggested, spelled alike', () => {
  using machine = createMachine();
  const file = machine.write(
    join(machine.userConfig, 'config.toml'),
    'max_body_bytes = 1\n[htpp]\nlisten = "x"\n[http.listen_on]\nport = 1\n[model]\ntempreature = 1\n',
  );
  const error = machine.fail({
    env: { MEM_AGENT_AGENT_MAXTURNS: '3', MEM_AGENT_KEY: 'fine' },
    flags: { logLevel: 'info', 'sandbox.max-proceses': '1' },
    otherEnvNames: ['MEM_AGENT_KEY'],
  });
  assert.ok(error instanceof AppError);
  assert.equal(error.code, 'CONFIG_INVALID');
  assert.deepEqual(
    error.problems.map(({ key, source, fix }) => [
      key,
      source,
      /Did you mean (?<name>\S+)\?/.exec(fix)?.groups?.['name'],
    ]),
    [
      ['max_body_bytes', file, 'http.max_body_bytes'],
      ['htpp.listen', file, 'http.listen'],
      ['http.listen_on.port', file, 'http.listen'],
      ['model.tempreature', file, 'model.temperature'],
      ['MEM_AGENT_AGENT_MAXTURNS', 'the environment', 'MEM_AGENT_AGENT_MAX_TURNS'],
      ['--log-level', 'the command line', '--log.level'],
      ['--sandbox.max-proceses', 'the command line', '--sandbox.max-processes'],
    ],
  );
});

test('values of the wrong type or out of range: one problem each, from any source', () => {
  using machine = createMachine();
  const file = machine.write(
    join(machine.userConfig, 'config.toml'),
    'agent.max_turns = "20"\nhttp.allowed_hosts = "a"\nhttp.legacy_sessions = "yes"\nmodel.top_p = 2\nlog.level = "loud"\nmemory = { dir = { a = 1 } }',
  );
  const { problems, message } = machine.fail({
    env: { MEM_AGENT_SANDBOX_STANDBY: '1.5', MEM_AGENT_HTTP_TRUSTED_PROXIES: '10.0.0.0/8,10.0.0.0/40' },
    flags: {
      'http.listen': '127.0.0.1:99999',
      'http.allowed-origins': 'https://a.example/path',
      'model.base-url': 'ftp://x',
      'ops.listen': true,
      'agent.max-queued-runs': '',
      'model.min-p': 'NaN',
    },
  });
  const found = problems.map(({ key, source, value }) => `${key} ${source} ${value}`).toSorted();
  assert.deepEqual(found, [
    `agent.max_queued_runs flag --agent.max-queued-runs `,
    `agent.max_turns ${file} 20`,
    `http.allowed_hosts ${file} a`,
    `http.allowed_origins flag --http.allowed-origins ["https://a.example/path"]`,
    `http.legacy_sessions ${file} yes`,
    `http.listen flag --http.listen 127.0.0.1:99999`,
    `http.trusted_proxies environment variable MEM_AGENT_HTTP_TRUSTED_PROXIES ["10.0.0.0/8","10.0.0.0/40"]`,
    `log.level ${file} loud`,
    `memory.dir ${file} {"a":1}`,
    `model.base_url flag --model.base-url ftp://x`,
    `model.min_p flag --model.min-p NaN`,
    `model.top_p ${file} 2`,
    `ops.listen flag --ops.listen `,
    `sandbox.standby environment variable MEM_AGENT_SANDBOX_STANDBY 1.5`,
  ]);
  for (const { key, fix, message: what } of problems) {
    assert.ok(fix.length > 10 && what.length > 5, key);
    assert.ok(message.includes(what) && message.includes(fix), key);
  }
});

test('TOML that cannot be parsed: file, line and column, and nothing of its text', () => {
  using machine = createMachine();
  const file = machine.write(join(machine.userConfig, 'conf.d/50-x.toml'), '[model]\nname = "m"\napi_key = "hunter2\n');
  const error = machine.fail();
  assert.equal(error.problems.length, 1);
  const source = error.problems[0]?.source ?? '';
  assert.ok(source.startsWith(`${file}:3:`), source);
  assert.doesNotMatch(error.userMessage, /hunter2/);
  machine.write(file, '__proto__ = 1');
  assert.match(machine.fail().message, /unsafe property/);
});

test('files that are not there or cannot be read', () => {
  using machine = createMachine();
  const missing = join(machine.cwd, 'none.toml');
  assert.equal(machine.fail({ configFile: 'none.toml' }).problems[0]?.value, missing);
  assert.match(machine.fail({ configFile: machine.cwd }).message, /is a directory/);
  machine.write(join(machine.userConfig, 'conf.d'), 'a file');
  assert.match(machine.fail().message, /conf\.d\): it cannot be listed \(ENOTDIR\)/);
});

test('addresses must not collide and sockets must fit', () => {
  using machine = createMachine();
  assert.match(machine.fail({ flags: { 'ops.listen': '127.0.0.1:8081' } }).message, /http\.listen has port 8081 too/);
  const both = { 'http.listen': '127.0.0.1:0', 'ops.listen': '127.0.0.1:0' };
  assert.deepEqual(machine.load({ flags: both }).config.ops.listen, { kind: 'tcp', host: '127.0.0.1', port: 0 });
  const same = { 'http.listen': 'unix:/run/a.sock', 'admin.socket': '/run/a.sock' };
  assert.match(machine.fail({ flags: same }).message, /same socket as admin\.socket/);
  const long = machine.fail({ flags: { 'runtime.dir': `/run/${'x'.repeat(110)}` } });
  assert.match(long.message, /admin\.socket = .* bytes, the system allows 10[37]/);
  const worker = { 'worker.profile': 'vllm', 'worker.socket': `/run/${'x'.repeat(120)}` };
  machine.load({ flags: worker });
  const own = machine.fail({ flags: { ...worker, 'worker.supervisor': 'process' } });
  assert.match(own.message, /worker\.socket = .* bytes, the system allows 10[37]/);
  const shared = { ...worker, 'worker.supervisor': 'process', 'worker.socket': '/run/a', 'admin.socket': '/run/a' };
  assert.match(machine.fail({ flags: shared }).message, /same socket as admin\.socket/);
});

test('notes and state keep apart', () => {
  using machine = createMachine();
  const inState = (name: string): Record<string, string> => ({ 'state.dir': '/s', 'memory.dir': `/s${name}` });
  assert.match(machine.fail({ flags: inState('') }).message, /same directory as state\.dir/);
  assert.match(machine.fail({ flags: inState('/trash/x') }).message, /keeps its own trash there/);
  assert.match(machine.fail({ flags: inState('/run') }).message, /runtime\.dir/);
  assert.match(
    machine.fail({ flags: { 'state.dir': '/m/s', 'memory.dir': '/m' } }).message,
    /state\.dir .* lies inside it/,
  );
  assert.equal(machine.load({ flags: inState('/memory') }).config.memory.dir, '/s/memory');
  assert.equal(machine.load({ flags: { 'state.dir': '/s', 'memory.dir': '/s-notes' } }).config.memory.dir, '/s-notes');
  // A symbolic link does not get around it.
  mkdirSync(join(machine.home, 'state'));
  symlinkSync(join(machine.home, 'state'), join(machine.home, 'link'));
  const linked = { 'state.dir': '~/state', 'memory.dir': '~/link' };
  assert.match(machine.fail({ flags: linked }).message, /same directory as state\.dir/);
});

test('limits that contradict each other, a backend without a server, files that are missing', () => {
  using machine = createMachine();
  const keys = (flags: Record<string, string>): string[] => machine.fail({ flags }).problems.map(({ key }) => key);
  assert.deepEqual(keys({ 'http.request-timeout-ms': '1000' }), ['http.headers_timeout_ms']);
  assert.deepEqual(keys({ 'memory.max-root-bytes': '2048' }), ['memory.max_file_bytes']);
  assert.deepEqual(keys({ 'sandbox.standby': '9' }), ['sandbox.standby']);
  assert.deepEqual(keys({ 'model.backend': 'openai' }), ['model.backend']);
  assert.deepEqual(keys({ 'memory.filters-file': 'nope', 'agent.system-prompt-file': '.' }), [
    'memory.filters_file',
    'agent.system_prompt_file',
  ]);
});

test('a server that is not on this machine falls under the cloud rules unless it is trusted', () => {
  using machine = createMachine();
  const trust = (flags: Record<string, string>): string => machine.load({ flags }).config.model.trust;
  for (const url of ['http://127.0.0.1:8000/v1', 'http://localhost/v1', 'http://[::1]:1/v1', 'http://127.9.9.9/v1']) {
    assert.equal(trust({ 'model.base-url': url }), 'local', url);
  }
  for (const url of [
    'http://10.0.0.5/v1',
    'https://api.example/v1',
    'http://localhost.example/v1',
    'http://0.0.0.0/v1',
  ]) {
    assert.equal(trust({ 'model.base-url': url }), 'cloud', url);
  }
  assert.equal(trust({ 'model.base-url': 'http://10.0.0.5/v1', 'model.trust': 'local' }), 'local');
  assert.equal(trust({ 'model.base-url': 'http://127.0.0.1/v1', 'model.trust': 'cloud' }), 'cloud');
  assert.equal(trust({}), 'local');
});

test('no two keys share a variable or a flag', () => {
  for (const nameOf of [envNameOf, flagNameOf, (key: string) => key]) {
    assert.equal(new Set(CONFIG_KEYS.map(({ key }) => nameOf(key))).size, CONFIG_KEYS.length);
  }
});

test('an identity provider needs an address nobody can forge, a resource of ours, and a way to sign', () => {
  using machine = createMachine();
  const keysFor = (flags: Record<string, string>): string[] =>
    machine
      .fail({ flags: { 'jwt.issuer': 'https://id.example', 'jwt.audience': 'https://mem.example/mcp', ...flags } })
      .problems.map(({ key }) => key);
  assert.deepEqual(keysFor({ 'jwt.issuer': 'http://id.example' }), ['jwt.issuer']);
  assert.deepEqual(keysFor({ 'jwt.audience': '' }), ['jwt.audience']);
  assert.deepEqual(keysFor({ 'jwt.jwks-url': 'unix:/run/id.sock' }), ['jwt.jwks_url']);
  assert.deepEqual(keysFor({ 'jwt.algorithms': 'HS256' }), ['jwt.algorithms']);
  assert.deepEqual(keysFor({ 'jwt.algorithms': 'none' }), ['jwt.algorithms']);
  assert.deepEqual(keysFor({ 'jwt.policies-file': '/nowhere.json' }), ['jwt.policies_file']);
});

test('a pipe among the configuration files is named, not waited for', () => {
  using machine = createMachine();
  const folder = join(machine.userConfig, 'conf.d');
  mkdirSync(folder, { recursive: true });
  const pipe = join(folder, 'pipe.toml');
  execFileSync('mkfifo', [pipe]);
  const error = machine.fail({});
  assert.ok(error instanceof AppError);
  assert.deepEqual(
    error.problems.map(({ source, message }) => [source, message]),
    [[pipe, 'it is a pipe, not a file']],
  );
});
