// A real Prometheus with the configuration and rules that are shipped, each second instead of each quarter of a minute.
// Guarantees: loopback only, gone with its data when disposed. Needs Debian's package prometheus.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findFreePort } from '../../src/worker/free-port.ts';
import { cleanEnvironment, tempDirectory } from './run-main.ts';
import { projectRoot } from './source-files.ts';
import { until } from './until.ts';

export const PROMETHEUS_FILES = join(projectRoot, 'deploy/monitoring/prometheus');

export interface Series {
  metric: Readonly<Record<string, string>>;
  value: [number, string];
}

export interface Rule {
  name: string;
  type: 'alerting' | 'recording';
  query: string;
  health: string;
  lastError?: string;
  alerts?: { state: 'pending' | 'firing'; labels: Record<string, string>; annotations: Record<string, string> }[];
}

export interface Prometheus extends AsyncDisposable {
  /** Throws with Prometheus' own words when it can't parse the expression. */
  query(expression: string): Promise<Series[]>;
  rules(): Promise<Rule[]>;
}

export async function startPrometheus(opsUrl: string): Promise<Prometheus> {
  const home = tempDirectory();
  const config = join(home.path, 'prometheus.yml');
  const shipped = readFileSync(join(PROMETHEUS_FILES, 'prometheus.yml'), 'utf8');
  const target = new URL(opsUrl).host;
  cpSync(join(PROMETHEUS_FILES, 'rules'), join(home.path, 'rules'), { recursive: true });
  writeFileSync(
    config,
    shipped
      .replaceAll('interval: 15s', 'interval: 1s')
      .replace("targets: ['127.0.0.1:8082']", `targets: ['${target}']`),
  );
  const port = await findFreePort('127.0.0.1', Math.random);
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(
    'prometheus',
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(home.path, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { cwd: home.path, env: cleanEnvironment(home.path), stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = once(child, 'close');
  const dispose = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
    home[Symbol.dispose]();
  };
  const get = async (path: string): Promise<unknown> => {
    const response = await fetch(url + path);
    const body = (await response.json()) as { status: string; error?: string; data: unknown };
    if (body.status !== 'success') throw new Error(`${decodeURIComponent(path)}: ${body.error}`);
    return body.data;
  };
  try {
    await until('prometheus is ready', async () => {
      if (child.exitCode !== null) throw new Error(`prometheus ended: ${said}`);
      return fetch(`${url}/-/ready`).then(
        (response) => response.ok,
        () => false,
      );
    });
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    async query(expression) {
      const data = (await get(`/api/v1/query?query=${encodeURIComponent(expression)}`)) as { result: Series[] };
      return data.result;
    },
    async rules() {
      const data = (await get('/api/v1/rules')) as { groups: { rules: Rule[] }[] };
      return data.groups.flatMap((group) => group.rules);
    },
    [Symbol.asyncDispose]: dispose,
  };
}
