// Where the LM Studio stand-in keeps itself (LMS_FAKE_HOME), and how its command line and a test speak to its daemon.
// Guarantee: a test can always end the daemon; it also ends by itself (lifetime.ts).
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isAlive } from './fake-gpu.ts';

const DAEMON = fileURLToPath(new URL('lms-daemon.ts', import.meta.url));
const START_TIMEOUT_MS = 20_000;

export interface LoadedModel {
  identifier: string;
  modelKey: string;
  contextLength: number;
  ttlMs: number | null;
}

export interface LmsHome {
  socket: string;
  pidFile: string;
  /** What has been downloaded: a JSON list of keys. */
  downloads: string;
  /** What `lms log stream` shows. */
  log: string;
}

export function lmsHome(directory: string): LmsHome {
  mkdirSync(directory, { recursive: true });
  return {
    socket: join(directory, 'daemon.sock'),
    pidFile: join(directory, 'daemon.pid'),
    downloads: join(directory, 'downloads.json'),
    log: join(directory, 'server.log'),
  };
}

export function readDownloads({ downloads }: LmsHome): string[] {
  return existsSync(downloads) ? (JSON.parse(readFileSync(downloads, 'utf8')) as string[]) : [];
}

export function addDownload(home: LmsHome, key: string): void {
  writeFileSync(home.downloads, JSON.stringify([...new Set([...readDownloads(home), key])]));
}

/** The daemon's pid, or null if none lives. */
export function daemonPid({ pidFile }: LmsHome): number | null {
  const pid = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : 0;
  const isOurs = pid > 0 && isAlive(pid) && isDaemon(pid);
  return isOurs ? pid : null;
}

/** As the real command line wakes its service up. */
export async function wakeDaemon(home: LmsHome): Promise<number> {
  const running = daemonPid(home);
  if (running !== null) return running;
  const child = spawn(process.execPath, [DAEMON], { detached: true, stdio: 'ignore' });
  child.unref();
  const untilMs = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < untilMs) {
    const pid = daemonPid(home);
    if (pid !== null) return pid;
    await sleep(20);
  }
  throw new Error('the LM Studio service did not start');
}

export interface DaemonAnswer {
  status: number;
  body: unknown;
}

export async function askDaemon({ socket }: LmsHome, path: string, body: unknown = {}): Promise<DaemonAnswer> {
  return await new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: socket, path, method: 'POST', agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => (text += piece));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
    });
    outgoing.on('error', reject);
    outgoing.end(JSON.stringify(body));
  });
}

/** For tests: the daemon is gone when this returns. */
export async function stopFakeLms(directory: string): Promise<void> {
  const home = lmsHome(directory);
  const pid = daemonPid(home);
  if (pid === null) return;
  process.kill(pid, 'SIGKILL');
  while (daemonPid(home) !== null) await sleep(10);
}

/** The pid may be another's by now. */
function isDaemon(pid: number): boolean {
  const commandLine = `/proc/${pid}/cmdline`;
  return !existsSync(commandLine) || readFileSync(commandLine, 'utf8').includes('lms-daemon');
}
