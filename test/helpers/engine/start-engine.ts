// Starts the test engine as a child process and stops it again: `await using engine = await startEngine({...})`.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { EngineScript } from './script.ts';

export interface SeenByEngine {
  body: Record<string, unknown> & { model: string; messages: { role: string; content: string }[] };
  authorization: string | null;
  aborted: boolean;
  sentCharacters: number;
}

export interface EngineOptions {
  script?: EngineScript;
  models?: readonly string[];
  apiKey?: string;
  /** Listen on this Unix socket instead of a port. */
  uds?: string;
  /** Answer 400 to requests that hold one of these fields. */
  refuseFields?: readonly string[];
}

export interface Engine extends AsyncDisposable {
  /** `http://127.0.0.1:N/v1` or `unix:PATH`. */
  readonly baseUrl: string;
  readonly port: number | null;
  readonly process: ChildProcess;
  setScript(script: EngineScript): Promise<void>;
  setModels(models: readonly string[]): Promise<void>;
  requests(): Promise<SeenByEngine[]>;
  stop(): Promise<void>;
}

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));

export async function startEngine(options: EngineOptions = {}): Promise<Engine> {
  const args = [
    ...(options.models ?? ['mem-agent']).flatMap((model) => ['--model', model]),
    ...(options.apiKey === undefined ? [] : ['--api-key', options.apiKey]),
    ...(options.uds === undefined ? [] : ['--uds', options.uds]),
    ...(options.refuseFields ?? []).flatMap((field) => ['--refuse-field', field]),
  ];
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const [line] = (await Promise.race([
    once(lines, 'line'),
    exited.then(() => Promise.reject(new Error('the engine ended before it listened'))),
  ])) as [string];
  lines.close();
  const { port } = JSON.parse(line) as { port: number | null };
  const call = (method: string, path: string, body?: unknown): Promise<string> =>
    callControl({ port, options, method, path, body });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
  };
  const engine: Engine = {
    baseUrl: options.uds === undefined ? `http://127.0.0.1:${port}/v1` : `unix:${options.uds}`,
    port,
    process: child,
    setScript: async (script) => void (await call('PUT', '/control/script', script)),
    setModels: async (models) => void (await call('PUT', '/control/models', models)),
    requests: async () => JSON.parse(await call('GET', '/control/requests')) as SeenByEngine[],
    stop,
    [Symbol.asyncDispose]: stop,
  };
  if (options.script !== undefined) await engine.setScript(options.script);
  return engine;
}

interface ControlCall {
  port: number | null;
  options: EngineOptions;
  method: string;
  path: string;
  body: unknown;
}

async function callControl({ port, options, method, path, body }: ControlCall): Promise<string> {
  const target = options.uds === undefined ? { host: '127.0.0.1', port } : { socketPath: options.uds };
  const outgoing = request({ ...target, method, path, agent: false });
  outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  const [response] = (await once(outgoing, 'response')) as [AsyncIterable<Buffer>];
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece);
  return Buffer.concat(pieces).toString('utf8');
}
