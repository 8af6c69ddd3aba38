// Where secrets come from, in which order, and that none of them ever shows.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { explainConfig } from '../../../src/config/explain.ts';
import { listConfigFlags } from '../../../src/config/flag-layer.ts';
import { CONFIG_KEYS } from '../../../src/config/schema.ts';
import { createMachine } from './config-fixture.ts';

const SECRET = 'sk-hunter2-do-not-show';

test('credential, then file, then variable, then TOML; what loses is named', () => {
  using machine = createMachine();
  const credentials = join(machine.cwd, 'credentials');
  const credential = machine.write(join(credentials, 'model.api_key'), 'from-credential\n');
  const file = machine.write(join(machine.cwd, 'key'), 'from-file\n');
  const toml = machine.write(join(machine.userConfig, 'config.toml'), 'model.api_key = "from-toml"');
  const env = { CREDENTIALS_DIRECTORY: credentials, MEM_AGENT_MODEL_API_KEY: 'from-env' };
  const flags = { 'model.api-key-file': 'key' };
  const first = machine.load({ env, flags });
  assert.deepEqual([first.config.model.apiKey, first.sources.get('model.api_key')], ['from-credential', credential]);
  assert.equal(first.warnings.filter((line) => line.includes('is not used')).length, 2);
  const second = machine.load({ env: { ...env, CREDENTIALS_DIRECTORY: '' }, flags });
  assert.deepEqual([second.config.model.apiKey, second.sources.get('model.api_key')], ['from-file', file]);
  const third = machine.load({ env: { MEM_AGENT_MODEL_API_KEY: 'from-env' } });
  assert.equal(third.config.model.apiKey, 'from-env');
  assert.match(third.warnings.join('\n'), /model\.api_key comes from environment variable MEM_AGENT_MODEL_API_KEY/);
  const fourth = machine.load();
  assert.equal(fourth.config.model.apiKey, 'from-toml');
  assert.ok(fourth.warnings.some((line) => line.includes(toml)));
});

test('a credential alone gives no warning, a file others can read does', () => {
  using machine = createMachine();
  const credentials = join(machine.cwd, 'credentials');
  machine.write(join(credentials, 'openrouter.api_key'), SECRET, 0o444);
  const quiet = machine.load({ env: { CREDENTIALS_DIRECTORY: credentials } });
  assert.deepEqual([quiet.config.openrouter.apiKey, quiet.warnings], [SECRET, []]);
  machine.write(join(machine.cwd, 'key'), SECRET, 0o644);
  const open = machine.load({ flags: { 'openrouter.api_key_file': 'key' } });
  assert.match(open.warnings.join('\n'), /chmod 600/);
});

test('a key file that is missing or empty is a problem', () => {
  using machine = createMachine();
  const missing = machine.fail({ env: { MEM_AGENT_MODEL_API_KEY_FILE: '/no/such/file' } }).problems[0];
  assert.equal(missing?.key, 'model.api_key_file');
  assert.equal(missing.source, 'environment variable MEM_AGENT_MODEL_API_KEY_FILE');
  machine.write(join(machine.cwd, 'empty'), '\n');
  assert.match(machine.fail({ flags: { 'model.api-key-file': 'empty' } }).message, /the file is empty/);
});

test('a secret never shows: not in errors, warnings or listings', () => {
  using machine = createMachine();
  const config = join(machine.userConfig, 'config.toml');
  const shows = (text: unknown): boolean => JSON.stringify(text).includes('hunter2');
  const failures: [Record<string, string>, Record<string, string>, string][] = [
    [{ MEM_AGENT_MODEL_APIKEY: SECRET }, {}, ''],
    [{ MEM_AGENT_MODEL_API_KEY: `${SECRET} two words` }, {}, ''],
    [{ VLLM_API_KEY: `${SECRET}\n2` }, {}, ''],
    [{}, { 'model.api-key': SECRET }, ''],
    [{}, { 'model.apikey': SECRET }, ''],
    [{}, { 'model.base-url': `http://user:${SECRET}@host/v1` }, ''],
    [{}, { 'model.base-url': `http://us er:pa/${SECRET}@host/v1` }, ''],
    [{}, { 'model.base-url': `user:${SECRET}@host` }, ''],
    [{}, { 'model.base-url': `http://host/v1?key=${SECRET}` }, ''],
    [{}, {}, `model.api_key = ["${SECRET}"]`],
    [{}, {}, `[model.api_key]\nvalue = "${SECRET}"`],
    [{}, {}, `[model]\napi_keys = "${SECRET}"`],
    [{}, {}, `[model]\napi_key = "${SECRET}" "`],
    [{}, {}, `model = "${SECRET}"`],
    [{}, {}, `api_key = "${SECRET}\\q"`],
  ];
  for (const [env, flags, toml] of failures) {
    machine.write(config, toml);
    const error = machine.fail({ env, flags });
    assert.ok(error.problems.length > 0);
    assert.ok(!shows([error.message, error.userMessage, error.problems, error.stack]), error.message);
  }
  machine.write(config, `model.api_key = "${SECRET}-toml"`);
  const loaded = machine.load({ env: { MEM_AGENT_MODEL_API_KEY: SECRET, OPENROUTER_API_KEY: SECRET } });
  const explained = explainConfig(loaded);
  assert.ok(!shows([explained, loaded.warnings, [...loaded.sources]]));
  assert.equal(explained.find(({ key }) => key === 'model.api_key')?.value, '***');
});

test('of the variables of a worker only the names are shown', () => {
  using machine = createMachine();
  const loaded = machine.load({ env: { MEM_AGENT_WORKER_ENV: 'HF_TOKEN=hf_secret,CUDA_VISIBLE_DEVICES=0' } });
  assert.equal(loaded.config.worker.env[0], 'HF_TOKEN=hf_secret');
  const row = explainConfig(loaded).find(({ key }) => key === 'worker.env');
  assert.deepEqual(row?.value, ['HF_TOKEN=***', 'CUDA_VISIBLE_DEVICES=***']);
  const wrong = (): unknown => machine.load({ env: { MEM_AGENT_WORKER_ENV: 'no name=hf_secret' } });
  assert.throws(wrong, (error: Error) => !error.message.includes('hf_secret'));
});

test('there is no flag for a secret', () => {
  const flags = listConfigFlags();
  assert.equal(flags.length, CONFIG_KEYS.filter(({ type }) => type !== 'secret').length);
  assert.ok(!flags.some(({ flag }) => flag.endsWith('api-key')));
  assert.deepEqual(
    flags.filter(({ value }) => value !== 'required').map(({ flag, value }) => `${flag} ${value}`),
    [
      '--memory.roots repeated',
      '--http.allowed-hosts repeated',
      '--http.allowed-origins repeated',
      '--http.trusted-proxies repeated',
      '--http.legacy-sessions optional',
      '--model.paid optional',
      '--model.backends repeated',
      '--worker.args repeated',
      '--worker.env repeated',
      '--openrouter.models repeated',
      '--openrouter.zdr optional',
      '--openrouter.allow-fallbacks optional',
      '--cloud.local-consent optional',
      '--limits.tool-calls-per-minute repeated',
      '--jwt.algorithms repeated',
      '--jwt.cloud-consent optional',
    ],
  );
});

test('a secret in an entry of servers, where none belongs, is not repeated by the error', () => {
  using machine = createMachine();
  const flags = { 'model.backends': `http://127.0.0.1:9/v1 name=gpu2 api_key=${SECRET}` };
  assert.throws(
    () => machine.load({ flags }),
    (error: Error) => error.message.includes('api_key=***') && !error.message.includes(SECRET),
  );
});
