// Every variable and file of the Python original still works, and loses to the new names.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { explainConfig } from '../../../src/config/explain.ts';
import { formatListenAddress } from '../../../src/config/listen-address.ts';
import { createMachine } from './config-fixture.ts';

const CASES: { env: Record<string, string>; key: string; value: string; source: string }[] = [
  { env: { MEMORY_DIR: '/m' }, key: 'memory.dir', value: '/m', source: 'MEMORY_DIR' },
  { env: { FASTMCP_LOG_LEVEL: 'CRITICAL' }, key: 'log.level', value: 'error', source: 'FASTMCP_LOG_LEVEL' },
  { env: { FASTMCP_LOG_LEVEL: 'WARNING' }, key: 'log.level', value: 'warn', source: 'FASTMCP_LOG_LEVEL' },
  { env: { FASTMCP_LOG_LEVEL: 'DEBUG' }, key: 'log.level', value: 'debug', source: 'FASTMCP_LOG_LEVEL' },
  { env: { MCP_TRANSPORT: 'Dual' }, key: 'mcp.transport', value: 'dual', source: 'MCP_TRANSPORT' },
  { env: { MCP_HOST: '0.0.0.0' }, key: 'http.listen', value: '0.0.0.0:8081', source: 'MCP_HOST' },
  {
    env: { MCP_HOST: '::1', MCP_PORT: '9000' },
    key: 'http.listen',
    value: '[::1]:9000',
    source: 'MCP_HOST and MCP_PORT',
  },
  { env: { MCP_PORT: '9000', HTTP_PORT: '9001' }, key: 'http.listen', value: '127.0.0.1:9001', source: 'HTTP_PORT' },
  { env: { VLLM_HOST: 'gpu' }, key: 'model.base_url', value: 'http://gpu:8000/v1', source: 'VLLM_HOST' },
  {
    env: { VLLM_HOST: '0.0.0.0', VLLM_PORT: '1' },
    key: 'model.base_url',
    value: 'http://127.0.0.1:1/v1',
    source: 'VLLM_HOST and VLLM_PORT',
  },
  { env: { VLLM_HOST: '::1' }, key: 'model.base_url', value: 'http://[::1]:8000/v1', source: 'VLLM_HOST' },
  { env: { VLLM_PORT: '8001' }, key: 'model.base_url', value: 'http://127.0.0.1:8001/v1', source: 'VLLM_PORT' },
  { env: { VLLM_PORT: '8001' }, key: 'model.backend', value: 'openai', source: 'VLLM_PORT' },
  { env: { VLLM_API_KEY: 'k1', LITELLM_API_KEY: 'k2' }, key: 'model.api_key', value: 'k1', source: 'VLLM_API_KEY' },
  { env: { LITELLM_API_KEY: 'k2' }, key: 'model.api_key', value: 'k2', source: 'LITELLM_API_KEY' },
  { env: { OPENROUTER_API_KEY: 'k3' }, key: 'openrouter.api_key', value: 'k3', source: 'OPENROUTER_API_KEY' },
];

test('every old variable', () => {
  using machine = createMachine();
  for (const { env, key, value, source } of CASES) {
    const loaded = machine.load({ env });
    assert.equal(loaded.values.get(key), value, JSON.stringify(env));
    assert.equal(loaded.sources.get(key), `environment variable ${source}`);
  }
});

test('MEM_AGENT_* beats the old names', () => {
  using machine = createMachine();
  const old = {
    MEMORY_DIR: '/old',
    FASTMCP_LOG_LEVEL: 'DEBUG',
    MCP_TRANSPORT: 'stdio',
    HTTP_PORT: '1',
    VLLM_HOST: 'old',
    VLLM_API_KEY: 'old-key',
  };
  const { config, values } = machine.load({
    env: {
      ...old,
      MEM_AGENT_MEMORY_DIR: '/new',
      MEM_AGENT_LOG_LEVEL: 'trace',
      MEM_AGENT_MCP_TRANSPORT: 'dual',
      MEM_AGENT_HTTP_LISTEN: '127.0.0.2:5',
      MEM_AGENT_MODEL_BASE_URL: 'http://new/v1',
      MEM_AGENT_MODEL_API_KEY: 'new-key',
    },
  });
  assert.deepEqual([config.memory.dir, config.log.level, config.mcp.transport], ['/new', 'trace', 'dual']);
  assert.equal(formatListenAddress(config.http.listen), '127.0.0.2:5');
  assert.deepEqual([values.get('model.base_url'), config.model.apiKey], ['http://new/v1', 'new-key']);
  assert.equal(machine.load({ env: { ...old, MEM_AGENT_MODEL_BACKEND: 'builtin' } }).config.model.backend, 'builtin');
});

test('wrong old variables are named, with the key they stand for', () => {
  using machine = createMachine();
  const { problems } = machine.fail({
    env: { VLLM_HOST: 'http://user:hunter2@gpu/', HTTP_PORT: '80x', MCP_TRANSPORT: 'sse', FASTMCP_LOG_LEVEL: 'LOUD' },
  });
  assert.deepEqual(problems.map(({ key, source, value }) => `${key}, ${source}: ${value}`).toSorted(), [
    'http.listen, environment variable HTTP_PORT: 80x',
    'log.level, environment variable FASTMCP_LOG_LEVEL: loud',
    'mcp.transport, environment variable MCP_TRANSPORT: sse',
    'model.base_url, environment variable VLLM_HOST: ***',
  ]);
});

test('.memory_path: ~ and variables, relative to the file, config directory before working directory', () => {
  using machine = createMachine();
  machine.write(join(machine.cwd, '.memory_path'), '\n~/my notes\n');
  assert.equal(machine.load().config.memory.dir, join(machine.home, 'my notes'));
  machine.write(join(machine.cwd, '.memory_path'), '$ROOT/${SUB}/$MISSING');
  assert.equal(machine.load({ env: { ROOT: '/data', SUB: 'b' } }).config.memory.dir, '/data/b/$MISSING');
  machine.write(join(machine.userConfig, '.memory_path'), 'vault');
  const loaded = machine.load();
  assert.equal(loaded.config.memory.dir, join(machine.userConfig, 'vault'));
  assert.equal(loaded.sources.get('memory.dir'), join(machine.userConfig, '.memory_path'));
});

test('.mlx_model_name: without its quotes', () => {
  using machine = createMachine();
  machine.write(join(machine.cwd, '.mlx_model_name'), '"mem-agent-mlx@4bit"\n');
  assert.equal(machine.load().config.model.name, 'mem-agent-mlx@4bit');
  assert.equal(explainConfig(machine.load()).find(({ key }) => key === 'model.name')?.value, 'mem-agent-mlx@4bit');
});
