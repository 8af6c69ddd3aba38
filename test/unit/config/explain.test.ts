// The listing, the reload difference, the files that are read again, and the shipped example.
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { diffConfig } from '../../../src/config/diff-config.ts';
import { renderExampleConfig } from '../../../src/config/example-config.ts';
import { explainConfig } from '../../../src/config/explain.ts';
import { createFiltersReader, haveLegacyFilesChanged, listLegacyFiles } from '../../../src/config/filters-file.ts';
import { CONFIG_KEYS } from '../../../src/config/schema.ts';
import { projectRoot } from '../../helpers/source-files.ts';
import { createMachine } from './config-fixture.ts';

test('every key is explained: value, source, documentation, default', () => {
  using machine = createMachine();
  const explained = explainConfig(
    machine.load({ env: { MEM_AGENT_AGENT_MAX_TURNS: '5' }, flags: { 'http.allowed-hosts': 'a' } }),
  );
  assert.deepEqual(
    explained.map(({ key }) => key),
    CONFIG_KEYS.map(({ key }) => key),
  );
  const of = (key: string): unknown[] => {
    const row = explained.find((candidate) => candidate.key === key);
    return [row?.value, row?.source, row?.default, row?.reloadable];
  };
  assert.deepEqual(of('agent.max_turns'), [5, 'environment variable MEM_AGENT_AGENT_MAX_TURNS', 20, true]);
  assert.deepEqual(of('http.allowed_hosts'), [['a'], 'flag --http.allowed-hosts', [], false]);
  assert.deepEqual(of('http.listen'), ['127.0.0.1:8081', 'default', '127.0.0.1:8081', false]);
  assert.deepEqual(of('admin.socket').slice(1, 3), ['default (in runtime.dir)', 'admin.sock in runtime.dir']);
  assert.deepEqual(of('model.backend').slice(0, 2), ['builtin', 'computed (no model server is set)']);
  assert.ok(explained.every(({ doc, source }) => doc.endsWith('.') && source !== ''));
});

test('a reload says what took effect and what waits for a restart', () => {
  using machine = createMachine();
  const before = machine.load({ flags: { 'http.allowed-hosts': 'a' } });
  assert.deepEqual(diffConfig(before, machine.load({ flags: { 'http.allowed-hosts': 'a' } })), {
    applied: [],
    needRestart: [],
  });
  const after = machine.load({
    flags: { 'http.allowed-hosts': 'b', 'log.level': 'debug', 'http.listen': '127.0.0.1:1', 'state.dir': '/s' },
  });
  assert.deepEqual(diffConfig(before, after), {
    applied: ['log.level'],
    needRestart: ['state.dir', 'runtime.dir', 'http.listen', 'http.allowed_hosts', 'admin.socket', 'worker.socket'],
  });
});

test('.filters is read again when it is made, changed, overruled and removed', () => {
  using machine = createMachine();
  const read = createFiltersReader(machine.load());
  assert.equal(read(), '');
  const inCwd = machine.write(join(machine.cwd, '.filters'), '- no birthdays\n');
  assert.equal(read(), '- no birthdays');
  assert.equal(read(), '- no birthdays');
  machine.write(inCwd, '- no birthdays\n- no ages\n');
  assert.equal(read(), '- no birthdays\n- no ages');
  const inConfig = machine.write(join(machine.userConfig, '.filters'), '- nothing');
  assert.equal(read(), '- nothing');
  rmSync(inConfig);
  rmSync(inCwd);
  assert.equal(read(), '');
});

test('a filters file that was named and is gone is an error, never "no filters"', () => {
  using machine = createMachine();
  const file = machine.write(join(machine.cwd, 'rules'), 'be quiet');
  const read = createFiltersReader(machine.load({ flags: { 'memory.filters-file': file } }));
  assert.equal(read(), 'be quiet');
  rmSync(file);
  assert.throws(read, { code: 'CONFIG_INVALID', message: /there is no such file/ });
});

test('changed files of the original are noticed', () => {
  using machine = createMachine();
  const loaded = machine.load();
  assert.deepEqual(
    listLegacyFiles(loaded).map(({ key, path }) => `${key} ${path}`),
    ['memory.dir .memory_path', 'model.name .mlx_model_name', 'memory.filters_file .filters'].flatMap((line) => {
      const [key = '', name = ''] = line.split(' ');
      return [`${key} ${join(machine.userConfig, name)}`, `${key} ${join(machine.cwd, name)}`];
    }),
  );
  assert.equal(haveLegacyFilesChanged(loaded), false);
  machine.write(join(machine.cwd, '.mlx_model_name'), 'other');
  assert.equal(haveLegacyFilesChanged(loaded), true);
  assert.equal(haveLegacyFilesChanged(machine.load()), false);
});

test('the shipped example is in step with the table and is right as it stands', () => {
  using machine = createMachine();
  const shipped = readFileSync(join(projectRoot, 'config/mem-agent.toml'), 'utf8');
  assert.equal(
    shipped,
    renderExampleConfig(),
    `run: node -e "import('./src/config/example-config.ts').then((m) => process.stdout.write(m.renderExampleConfig()))" > config/mem-agent.toml`,
  );
  const configFile = machine.write(join(machine.cwd, 'example.toml'), shipped);
  assert.deepEqual(machine.load({ configFile }).values, machine.load().values);
  // With every key uncommented it must say the same.
  machine.write(configFile, shipped.replaceAll(/^#(?=[a-z_]+ = )/gm, ''));
  const uncommented = machine.load({ configFile });
  assert.deepEqual(uncommented.values, machine.load().values);
  assert.equal([...uncommented.sources.values()].filter((source) => source === configFile).length > 40, true);
});
