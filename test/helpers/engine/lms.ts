// LM Studio's `lms` as a real process: each command tells the daemon (lms-daemon.ts), says what came of it, and returns at once.
// Known: daemon up|down|status, server start|stop|status, get, load, unload, ls, ps, log stream, version.
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseCommandLine } from './command-line.ts';
import type { CommandLine } from './command-line.ts';
import { askDaemon, daemonPid, lmsHome, readDownloads, wakeDaemon } from './fake-lms.ts';
import type { LoadedModel } from './fake-lms.ts';
import { limitLifetime } from './lifetime.ts';

const DEFAULT_PORT = 1234;
const DEFAULT_CONTEXT = 4096;

const line = parseCommandLine(process.argv.slice(2), {
  program: 'lms',
  maxPositionals: 3,
  exitCode: 1,
  aliases: { y: 'yes', p: 'port', c: 'context-length' },
  flags: {
    json: 'switch',
    quiet: 'switch',
    yes: 'switch',
    exact: 'switch',
    all: 'switch',
    cors: 'switch',
    mlx: 'switch',
    gguf: 'switch',
    stats: 'switch',
    'always-show-all-results': 'switch',
    'always-show-download-options': 'switch',
    'estimate-only': 'switch',
    port: 'number',
    bind: 'text',
    host: 'text',
    identifier: 'text',
    'context-length': 'number',
    ttl: 'number',
    gpu: 'text',
    parallel: 'number',
    limit: 'number',
    source: 'text',
    filter: 'text',
    'log-level': 'text',
  },
});
const directory = process.env['LMS_FAKE_HOME'];
if (directory === undefined) fail('LMS_FAKE_HOME is not set');
const home = lmsHome(directory);

function fail(message: string): never {
  process.stderr.write(`Error: ${message}\n`);
  process.exit(1);
}

function say(text: string): void {
  if (!line.has('quiet')) process.stderr.write(`${text}\n`);
}

function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

async function ask(path: string, body: unknown = {}): Promise<unknown> {
  if (daemonPid(home) === null) {
    say('Waking up LM Studio service...');
    await wakeDaemon(home);
  }
  const answer = await askDaemon(home, path, body);
  if (answer.status !== 200) fail((answer.body as { error: string }).error);
  return answer.body;
}

async function run({ positionals }: CommandLine): Promise<void> {
  const [first = '', second = ''] = positionals;
  switch (first) {
    case 'daemon':
      return await runDaemon(second);
    case 'server':
      return await runServer(second);
    case 'get':
      say(`Downloading ${second}`);
      await ask('/get', { name: second });
      return say('Download completed.');
    case 'load':
      return await load(second);
    case 'unload': {
      if (second === '' && !line.has('all')) fail('Specify a model to unload, or --all');
      const gone = (await ask('/unload', line.has('all') ? {} : { identifier: second })) as string[];
      if (gone.length === 0 && !line.has('all')) fail(`Cannot find a model with the identifier "${second}"`);
      return say(`Unloaded ${gone.length} models.`);
    }
    case 'ls':
      return printJson(readDownloads(home).map((modelKey) => ({ type: 'llm', modelKey, format: 'safetensors' })));
    case 'ps':
      return await listLoaded();
    case 'log':
      return await streamLog();
    case 'version':
      return void process.stdout.write('lms - LM Studio CLI - v0.0.47\n');
    default:
      fail(`unknown command '${first}'`);
  }
}

async function runDaemon(action: string): Promise<void> {
  const before = daemonPid(home);
  if (action === 'down') {
    if (before !== null) process.kill(before, 'SIGTERM');
    for (let tries = 0; tries < 100 && daemonPid(home) !== null; tries += 1) await sleep(20);
    return line.has('json') ? printJson({ status: 'stopped' }) : say('LM Studio daemon stopped.');
  }
  if (action === 'status' && before === null) {
    return line.has('json') ? printJson({ status: 'not-running' }) : say('LM Studio is not running.');
  }
  const pid = await wakeDaemon(home);
  if (line.has('json')) printJson({ status: 'running', pid, isDaemon: true, version: '0.4.24' });
  else say(`LM Studio daemon is running (PID: ${pid}).`);
}

async function runServer(action: string): Promise<void> {
  switch (action) {
    case 'start': {
      say('Starting server...');
      const { port } = (await ask('/server/start', { port: line.number('port') ?? DEFAULT_PORT })) as { port: number };
      return say(`Success! Server is now running on port ${port}`);
    }
    case 'stop':
      await ask('/server/stop');
      return say('Stopped the server.');
    case 'status': {
      const status = daemonPid(home) === null ? { running: false } : await ask('/server/status');
      return line.has('json') ? printJson(status) : say(`Server status: ${JSON.stringify(status)}`);
    }
    default:
      fail(`unknown command 'server ${action}'`);
  }
}

async function load(model: string): Promise<void> {
  if (line.has('estimate-only'))
    return void process.stdout.write('Estimated GPU Memory: 2.64 GB\nEstimated Total Memory: 2.64 GB\n');
  say(`Loading ${model}`);
  const startedMs = performance.now();
  const ttlS = line.number('ttl');
  const identifier = line.text('identifier');
  const loaded = (await ask('/load', {
    model,
    contextLength: line.number('context-length') ?? DEFAULT_CONTEXT,
    ttlMs: ttlS === undefined ? null : ttlS * 1000,
    ...(identifier === undefined ? {} : { identifier }),
  })) as LoadedModel;
  say(`Model loaded successfully in ${((performance.now() - startedMs) / 1000).toFixed(2)}s.`);
  say(`To use the model in the API/SDK, use the identifier "${loaded.identifier}".`);
}

async function listLoaded(): Promise<void> {
  const models = (await ask('/ps')) as LoadedModel[];
  if (line.has('json')) return printJson(models);
  if (models.length === 0) return void process.stdout.write('No models are currently loaded\n');
  process.stdout.write('IDENTIFIER    MODEL    STATUS    SIZE    CONTEXT    TTL\n');
  for (const { identifier, modelKey, contextLength, ttlMs } of models) {
    process.stdout.write(`${identifier}    ${modelKey}    IDLE    2.26 GB    ${contextLength}    ${ttlMs ?? ''}\n`);
  }
}

/** Follows the daemon's log until it is stopped. */
async function streamLog(): Promise<void> {
  limitLifetime();
  const buffer = Buffer.alloc(65_536);
  for (let at = 0; ;) {
    await sleep(50);
    if (!existsSync(home.log)) continue;
    const file = openSync(home.log, 'r');
    const length = readSync(file, buffer, 0, buffer.length, at);
    closeSync(file);
    at += length;
    for (const content of buffer.toString('utf8', 0, length).split('\n')) {
      if (content === '') continue;
      if (line.has('json')) printJson({ timestamp: Date.now(), data: { type: 'server.log', content, level: 'info' } });
      else process.stdout.write(`${content}\n`);
    }
  }
}

await run(line);
