// Runs the official conformance suite against an in-process app, with our fixtures or as the plain product, and returns what
// each check said. The suite is installed apart (package.json beside this file), so that the product carries none of it.
//   node test/helpers/conformance/run-conformance.ts            both revisions, with fixtures and plain, against the baselines
//   node test/helpers/conformance/run-conformance.ts baseline   writes the baselines of the plain product anew
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startHarness } from '../http-harness.ts';
import { SCOPES } from '../../../src/auth/principal.ts';
import { conformanceFixtures } from './fixtures.ts';
import { startKeyProxy } from './key-proxy.ts';

export const REVISIONS = ['2025-11-25', '2026-07-28'] as const;
export type Revision = (typeof REVISIONS)[number];

const HERE = import.meta.dirname;

export interface ConformanceRun {
  exitCode: number;
  checks: number;
  /** `scenario:check-id` of every FAILURE or WARNING, sorted. */
  failures: string[];
  summary: string;
}

export interface ConformanceOptions {
  revision: Revision;
  fixtures: boolean;
  baseline?: string;
}

/** Where the suite is: installed here, or where CONFORMANCE_BIN points. */
export function conformanceBinary(): string | undefined {
  const candidates = [process.env['CONFORMANCE_BIN'], join(HERE, 'node_modules/.bin/conformance')];
  return candidates.find((path): path is string => path !== undefined && existsSync(path));
}

export async function runConformance(binary: string, options: ConformanceOptions): Promise<ConformanceRun> {
  const output = mkdtempSync(join(tmpdir(), 'mem-conformance-'));
  try {
    await using harness = await startHarness({
      apps: options.fixtures ? { extra: conformanceFixtures, legacySessions: {} } : {},
    });
    await using proxy = await startKeyProxy(harness.http.port ?? 0, harness.keyOf(...SCOPES));
    const args = [
      'server',
      '--url',
      `http://localhost:${proxy.port}/mcp`,
      '--requirements',
      options.revision,
      '-o',
      output,
    ];
    if (options.baseline !== undefined) args.push('--expected-failures', options.baseline);
    const { exitCode, text } = await run(binary, args);
    return { exitCode, ...readChecks(output), summary: text.split('\n').slice(-25).join('\n') };
  } finally {
    rmSync(output, { recursive: true, force: true });
  }
}

function run(binary: string, args: string[]): Promise<{ exitCode: number; text: string }> {
  return new Promise((resolve, reject) => {
    // The suite needs the Node that runs this, not the machine's.
    const child = spawn(process.execPath, [binary, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (chunk: string) => {
        text += chunk;
      });
    }
    child.once('error', reject);
    child.once('close', (code) => resolve({ exitCode: code ?? 1, text }));
  });
}

function readChecks(directory: string): { checks: number; failures: string[] } {
  const failures = new Set<string>();
  let checks = 0;
  for (const name of readdirSync(directory)) {
    const file = join(directory, name, 'checks.json');
    if (!existsSync(file)) continue;
    const scenario = name.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '');
    for (const check of JSON.parse(readFileSync(file, 'utf8')) as { id: string; status: string }[]) {
      checks += 1;
      if (check.status === 'FAILURE' || check.status === 'WARNING') failures.add(`${scenario}:${check.id}`);
    }
  }
  return { checks, failures: [...failures].toSorted() };
}

export function baselineFile(revision: Revision): string {
  return join(HERE, `baseline-${revision}.yml`);
}

async function main(): Promise<void> {
  const binary = conformanceBinary();
  if (binary === undefined)
    throw new Error(`The suite is not installed: npm ci --prefix ${HERE}, or set CONFORMANCE_BIN`);
  for (const revision of REVISIONS) {
    if (process.argv[2] === 'baseline') {
      const { failures } = await runConformance(binary, { revision, fixtures: false });
      const head =
        '# What the plain product lacks: the fixtures of the suite. Written by run-conformance.ts baseline.\n';
      writeFileSync(baselineFile(revision), `${head}server:\n${failures.map((line) => `  - ${line}\n`).join('')}`);
    }
    for (const fixtures of [true, false]) {
      const result = await runConformance(binary, {
        revision,
        fixtures,
        ...(!fixtures && { baseline: baselineFile(revision) }),
      });
      process.stdout.write(
        `${revision} ${fixtures ? 'with fixtures' : 'plain, against its baseline'}: exit ${result.exitCode}, ${result.checks} checks\n${result.summary}\n`,
      );
      if (fixtures) process.stdout.write(`${result.failures.join('\n')}\n`);
      if (result.exitCode !== 0) process.exitCode = 1;
    }
  }
}

if (import.meta.main) await main();
