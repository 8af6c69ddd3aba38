// A Debian that really boots: a copy of the base root under systemd-nspawn, its own systemd as process 1, no network but
// loopback. Commands are run in it through its namespaces. Guarantees: it powers off and its files go when it is disposed; it
// ends by itself after half an hour.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { listTree } from '../../../src/sandbox/process-tree.ts';
import { BOOT_CACHE, debianRoot } from './base-root.ts';

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface BootedDebian extends AsyncDisposable {
  /** Its root, as seen from here. */
  readonly root: string;
  /** Runs a bash script in it as root. */
  run(script: string, env?: Readonly<Record<string, string>>): Promise<Ran>;
  /** The same; throws if it fails, and answers with what it wrote, trimmed. */
  must(script: string, env?: Readonly<Record<string, string>>): Promise<string>;
}

const MAX_LIFE_S = 1800;
const BOOT_MS = 180_000;
const POWER_OFF_MS = 60_000;
const LOOK_MS = 200;

export async function bootDebian(): Promise<BootedDebian> {
  const base = debianRoot();
  const place = mkdtempSync(join(BOOT_CACHE, 'run-'));
  const root = join(place, 'root');
  const copied = spawnSync('cp', ['-a', '--reflink=auto', base, root], { encoding: 'utf8' });
  if (copied.status !== 0) throw new Error(`no copy of ${base}: ${copied.stderr}`);
  const nspawn = ['systemd-nspawn', '-D', root, '--boot', '--register=no', '--keep-unit', '--private-network'];
  const child = spawn(
    'timeout',
    ['--foreground', '-k', '5', String(MAX_LIFE_S), ...nspawn, '-M', `boot${process.pid}`],
    {
      env: { ...process.env, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let consoleText = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (consoleText = (consoleText + text).slice(-20_000)));
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  child.once('error', (error) => (consoleText += String(error)));

  let init: number | undefined;
  const run: BootedDebian['run'] = (script, env = {}) => runIn(init ?? 0, script, env);
  const must: BootedDebian['must'] = async (script, env) => {
    const { code, stdout, stderr } = await run(script, env);
    if (code !== 0) throw new Error(`exit ${code} of: ${script}\n${stdout}\n${stderr}`);
    return stdout.trim();
  };
  async function end(): Promise<void> {
    if (init !== undefined) await run('systemctl poweroff --no-block');
    const timer = setTimeout(
      () => {
        for (const pid of listTree(child.pid ?? 0).toReversed()) process.kill(pid, 'SIGKILL');
      },
      init === undefined ? 0 : POWER_OFF_MS,
    );
    await closed;
    clearTimeout(timer);
    rmSync(place, { recursive: true, force: true });
  }

  try {
    for (const deadline = performance.now() + BOOT_MS; ; await sleep(LOOK_MS)) {
      if (child.exitCode !== null) throw new Error(`systemd-nspawn ended:\n${consoleText}`);
      init ??= findInit(child.pid ?? 0);
      if (init !== undefined && /^(running|degraded)$/m.test((await run('systemctl is-system-running')).stdout)) break;
      if (performance.now() > deadline) throw new Error(`it did not boot:\n${consoleText}`);
    }
  } catch (error) {
    await end();
    throw error;
  }
  return { root, run, must, [Symbol.asyncDispose]: end };
}

/** Process 1 of a namespace of its own. */
function findInit(nspawn: number): number | undefined {
  return listTree(nspawn).find((pid) => {
    const ids = /^NSpid:\s+(.*)$/m.exec(readStatus(pid))?.[1]?.split(/\s+/) ?? [];
    return ids.length > 1 && ids.at(-1) === '1';
  });
}

function readStatus(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch (error) {
    // It ended between two looks.
    if (error instanceof Error) return '';
    throw error;
  }
}

function runIn(init: number, script: string, env: Readonly<Record<string, string>>): Promise<Ran> {
  const variables = {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    LC_ALL: 'C.UTF-8',
    SYSTEMD_PAGER: '',
    ...env,
  };
  const assignments = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  const enter = ['-t', String(init), '-m', '-u', '-i', '-n', '-p', '-r', '-w', 'env', '-i', ...assignments];
  const child = spawn('nsenter', [...enter, 'bash', '-c', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}
