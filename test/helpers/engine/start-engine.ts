// Starts a test engine as a child process and stops it again: `await using engine = await startEngine({...})`.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { createEngineControl } from './engine-control.ts';
import type { EngineControl } from './engine-control.ts';
import type { EngineFaults } from './engine-faults.ts';
import { engineArgs, fakeEnvironment } from './fake-commands.ts';
import type { EngineKind } from './fake-commands.ts';
import type { EngineScript } from './script.ts';

export type { SeenByEngine } from './engine-control.ts';

const LONGEST_FREEZE_S = 120;

export interface EngineOptions {
  kind?: EngineKind;
  script?: EngineScript;
  models?: readonly string[];
  apiKey?: string;
  /** Listen on this Unix socket instead of a port. */
  uds?: string;
  /** Answer 400 to requests that hold one of these fields. */
  refuseFields?: readonly string[];
  faults?: EngineFaults;
  /** More of the real program's own arguments, and environment. */
  args?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** Show its log on stderr. */
  showLog?: boolean;
}

export interface Engine extends EngineControl, AsyncDisposable {
  /** `http://127.0.0.1:N/v1` or `unix:PATH`. */
  readonly baseUrl: string;
  readonly port: number | null;
  readonly process: ChildProcess;
  /** SIGSTOP: nothing of it moves, not even HTTP, for two minutes at most. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

export async function startEngine(options: EngineOptions = {}): Promise<Engine> {
  const { kind = 'vllm', uds } = options;
  const faults = {
    ...options.faults,
    ...(options.refuseFields === undefined ? {} : { refuseFields: [...options.refuseFields] }),
  };
  const args = engineArgs(kind, {
    models: options.models ?? ['mem-agent'],
    port: 0,
    ...(options.apiKey === undefined ? {} : { apiKey: options.apiKey }),
    ...(uds === undefined ? {} : { uds }),
  });
  const child = spawn(process.execPath, [...args, ...(options.args ?? [])], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      ...process.env,
      ...fakeEnvironment({ faults, ...(options.script === undefined ? {} : { script: options.script }) }),
      MEMA_ENGINE_ANNOUNCE: '1',
      MEMA_ENGINE_PARENT: 'stdin',
      MEMA_ENGINE_QUIET: options.showLog === true ? '0' : '1',
      ...options.env,
    },
  });
  const exited = once(child, 'exit');
  let waker: ChildProcess | null = null;
  const freeze = (): void => {
    waker ??= startWaker(Number(child.pid));
    child.kill('SIGSTOP');
  };
  const thaw = (): void => {
    endWaker(waker);
    waker = null;
    child.kill('SIGCONT');
  };
  const { port } = JSON.parse(await firstLine(child, exited)) as { port: number | null };
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
    endWaker(waker);
  };
  const baseUrl =
    uds === undefined ? `http://127.0.0.1:${port}${kind === 'openrouter' ? '/api' : ''}/v1` : `unix:${uds}`;
  return {
    ...createEngineControl(baseUrl),
    baseUrl,
    port,
    process: child,
    freeze,
    thaw,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** A stopped process never sees that its test is gone: somebody who outlives both lets it go on, so that it ends. */
function startWaker(pid: number): ChildProcess {
  const waker = spawn('/bin/sh', ['-c', `sleep ${LONGEST_FREEZE_S}; kill -CONT ${pid}`], {
    detached: true,
    stdio: 'ignore',
  });
  waker.unref();
  return waker;
}

function endWaker(waker: ChildProcess | null): void {
  if (waker?.pid !== undefined && waker.exitCode === null) process.kill(-waker.pid, 'SIGKILL');
}

async function firstLine(child: ChildProcess, exited: Promise<unknown>): Promise<string> {
  if (child.stdout === null) throw new Error('the engine has no stdout');
  const lines = createInterface({ input: child.stdout });
  const [line] = (await Promise.race([
    once(lines, 'line'),
    exited.then(() => Promise.reject(new Error('the engine ended before it listened'))),
  ])) as [string];
  lines.close();
  return line;
}
