// What each profile starts, word by word, and what of the daemon's environment it gets to see.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPlan } from '../../../src/worker/create-plan.ts';
import { workerEnvironment, type EngineAddress } from '../../../src/worker/launch-plan.ts';
import { defaultWorkerOptions, type WorkerOptions } from '../../../src/worker/worker-options.ts';

const TCP: EngineAddress = { kind: 'tcp', host: '127.0.0.1', port: 18_400 };
const SOCKET: EngineAddress = { kind: 'unix', path: '/run/mem-agent/worker.sock' };
const KEY = 'a-key-that-must-not-be-seen';

function optionsOf(options: Partial<WorkerOptions>): WorkerOptions {
  return {
    ...defaultWorkerOptions,
    profile: 'vllm',
    model: 'driaforall/mem-agent',
    runtimeDirectory: '/run/mem-agent',
    ...options,
  };
}

function argsOf(options: Partial<WorkerOptions>, address: EngineAddress = TCP): string {
  return createPlan(optionsOf(options), address).command?.args.join(' ') ?? '';
}

test('vllm on a socket: the flags of the reference, no parser of reasoning or tools', () => {
  const args = argsOf({}, SOCKET);
  assert.equal(
    args,
    'serve driaforall/mem-agent --uds /run/mem-agent/worker.sock --served-model-name mem-agent --max-model-len 32768 ' +
      '--shutdown-timeout 8 --enable-request-id-headers --disable-access-log-for-endpoints /health,/metrics,/v1/models ' +
      '--disable-fastapi-docs --enable-prompt-tokens-details',
  );
  assert.doesNotMatch(args, /parser/);
});

test('vllm on a port, with precision and quantization', () => {
  assert.match(argsOf({}), /--host 127\.0\.0\.1 --port 18400 /);
  assert.match(argsOf({ precision: '4bit' }), /--quantization bitsandbytes/);
  assert.match(argsOf({ precision: '8bit' }), /--quantization fp8/);
  assert.match(argsOf({ precision: 'bf16' }), /--dtype bfloat16/);
  assert.match(argsOf({ precision: '4bit', quantization: 'awq' }), /--quantization awq/);
  assert.doesNotMatch(argsOf({ precision: '4bit', quantization: 'awq' }), /bitsandbytes/);
});

test('vllm sleeps only on a socket: its developer mode opens more than sleep', () => {
  const args = ['--enable-sleep-mode'];
  const onSocket = createPlan(optionsOf({ args }), SOCKET);
  assert.deepEqual(onSocket.sleep, { sleepPath: '/sleep?level=1', wakePath: '/wake_up' });
  assert.equal(onSocket.env['VLLM_SERVER_DEV_MODE'], '1');
  const onPort = createPlan(optionsOf({ args }), TCP);
  assert.equal(onPort.sleep, null);
  assert.equal(onPort.env['VLLM_SERVER_DEV_MODE'], undefined);
  assert.equal(createPlan(optionsOf({}), SOCKET).sleep, null);
});

test('a key is in the environment of the engine, never in its arguments', () => {
  for (const [profile, variable] of [
    ['vllm', 'VLLM_API_KEY'],
    ['llamacpp', 'LLAMA_API_KEY'],
    ['command', 'MEM_AGENT_WORKER_API_KEY'],
  ] as const) {
    const plan = createPlan(optionsOf({ profile, apiKey: KEY, command: '/usr/bin/engine' }), TCP);
    assert.equal(plan.env[variable], KEY, profile);
    assert.ok(!JSON.stringify(plan.command).includes(KEY), profile);
  }
});

test('mlx: the builds of the original by precision, and requests use the name of the model', () => {
  const plan = createPlan(optionsOf({ profile: 'mlx', precision: '8bit' }), TCP);
  assert.equal(plan.command?.executable, 'mlx_lm.server');
  assert.equal(
    plan.command.args.join(' '),
    '--model driaforall/mem-agent-mlx-8bit --host 127.0.0.1 --port 18400 --max-tokens 4096 --temp 0.0',
  );
  assert.equal(plan.servedName, 'driaforall/mem-agent-mlx-8bit');
  assert.match(argsOf({ profile: 'mlx' }), /--model driaforall\/mem-agent-mlx-4bit /);
  assert.match(argsOf({ profile: 'mlx', model: 'mem-agent-mlx@8bit' }), /--model driaforall\/mem-agent-mlx-8bit /);
  assert.match(argsOf({ profile: 'mlx', model: '/models/other', precision: '4bit' }), /--model \/models\/other /);
  assert.throws(() => argsOf({ profile: 'mlx' }, SOCKET), { code: 'CONFIG_INVALID' });
});

test('lmstudio: gets, serves and loads by lms, as the original did', () => {
  const plan = createPlan(optionsOf({ profile: 'lmstudio', precision: 'bf16', listen: '127.0.0.1:8000' }), TCP);
  assert.equal(plan.command, null);
  assert.deepEqual(
    plan.before.map(({ args, mayFail }) => [args.join(' '), mayFail]),
    [
      ['daemon up --json', true],
      ['get mem-agent-mlx-bf16 --mlx --yes', false],
      ['server stop', true],
      ['server start --port 18400', false],
      ['unload mem-agent', true],
      ['load driaforall/mem-agent-mlx-bf16 --identifier mem-agent --context-length 32768 --gpu max --yes', false],
    ],
  );
  const four = createPlan(optionsOf({ profile: 'lmstudio' }), TCP);
  assert.match(four.before.at(-1)?.args.join(' ') ?? '', /^load mem-agent-mlx-4bit /);
  const other = createPlan(optionsOf({ profile: 'lmstudio', model: 'qwen3-4b', quantization: 'q4_k_m' }), TCP);
  assert.equal(other.before[1]?.args.join(' '), 'get qwen3-4b@q4_k_m --yes');
});

test('llamacpp: a file or a repository, the text left as the model wrote it', () => {
  assert.equal(
    argsOf({ profile: 'llamacpp', model: '/models/a.gguf' }),
    '--model /models/a.gguf --host 127.0.0.1 --port 18400 --alias mem-agent --ctx-size 32768 --jinja ' +
      '--reasoning-format none --metrics --no-webui',
  );
  assert.match(argsOf({ profile: 'llamacpp', model: 'x/y-GGUF', precision: '8bit' }), /^--hf-repo x\/y-GGUF:Q8_0 /);
  assert.match(
    argsOf({ profile: 'llamacpp', model: 'x/y-GGUF:Q5_K_M', precision: '8bit' }),
    /^--hf-repo x\/y-GGUF:Q5_K_M /,
  );
  assert.match(argsOf({ profile: 'llamacpp' }, SOCKET), /--host \/run\/mem-agent\/worker\.sock /);
  assert.throws(() => argsOf({ profile: 'llamacpp' }, { kind: 'unix', path: '/run/llama' }), {
    code: 'CONFIG_INVALID',
  });
});

test('command: placeholders are filled in, other braces and shell characters stay what they are', () => {
  const options: Partial<WorkerOptions> = {
    profile: 'command',
    command: '/opt/engine',
    args: ['--at={port}', '{model}', '{name}', '{"a":1}', '$(reboot); `x`', '{unknown}'],
  };
  assert.deepEqual(createPlan(optionsOf(options), TCP).command?.args, [
    '--at=18400',
    'driaforall/mem-agent',
    'mem-agent',
    '{"a":1}',
    '$(reboot); `x`',
    '{unknown}',
  ]);
  assert.throws(() => argsOf({ profile: 'command' }), { code: 'CONFIG_INVALID' });
});

test('extra arguments come last, and so win', () => {
  assert.match(argsOf({ args: ['--max-model-len', '8192'] }), /--enable-prompt-tokens-details --max-model-len 8192$/);
});

test('of the daemon’s environment only what model tools need gets through', () => {
  const source = {
    PATH: '/usr/bin',
    HOME: '/home/a',
    LC_ALL: 'C',
    CUDA_VISIBLE_DEVICES: '0',
    HF_HOME: '/models',
    VLLM_ATTENTION_BACKEND: 'FLASH_ATTN',
    https_proxy: 'http://proxy',
    VLLM_API_KEY: 'secret',
    VLLM_HOST: '0.0.0.0',
    VLLM_PORT: '8000',
    OPENROUTER_API_KEY: 'secret',
    MEM_AGENT_CLOUD_API_KEY: 'secret',
    AWS_SECRET_ACCESS_KEY: 'secret',
    NOTIFY_SOCKET: '/run/systemd/notify',
    CREDENTIALS_DIRECTORY: '/run/credentials',
    LISTEN_FDS: '1',
    NODE_OPTIONS: '--inspect',
  };
  assert.deepEqual(workerEnvironment(optionsOf({ env: { HF_HUB_OFFLINE: '1' } }), { A: 'b' }, source), {
    PATH: '/usr/bin',
    HOME: '/home/a',
    LC_ALL: 'C',
    CUDA_VISIBLE_DEVICES: '0',
    HF_HOME: '/models',
    VLLM_ATTENTION_BACKEND: 'FLASH_ATTN',
    https_proxy: 'http://proxy',
    DO_NOT_TRACK: '1',
    PYTHONUNBUFFERED: '1',
    A: 'b',
    HF_HUB_OFFLINE: '1',
  });
});
