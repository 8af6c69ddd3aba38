// The Inspector's command line, as a real client in both eras: lists and calls every tool with the key in the header, exits
// with its authentication code without one.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SCOPES } from '../../src/auth/principal.ts';
import { startHarness } from '../helpers/http-harness.ts';

const CALLS: Record<string, object> = {
  use_memory_agent: { question: 'Where is Anna?' },
  search: { query: 'Lisbon' },
  fetch: { id: 'user.md' },
  list_files: {},
  memory_status: {},
  create_file: { path: 'entities/bo.md', content: '# Bo' },
  update_file: { path: 'entities/bo.md', old_content: 'Bo', new_content: 'Bodil' },
  delete_file: { path: 'entities/bo.md' },
};

function inspectorBinary(): string {
  const candidates = [
    process.env['INSPECTOR_BIN'],
    join(import.meta.dirname, '../helpers/conformance/node_modules/.bin/mcp-inspector'),
  ];
  const binary = candidates.find((path): path is string => path !== undefined && existsSync(path));
  assert.ok(
    binary !== undefined,
    'Install the Inspector first: npm ci --prefix test/helpers/conformance (or set INSPECTOR_BIN)',
  );
  return binary;
}

function inspect(args: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [inspectorBinary(), '--cli', ...args, '--format', 'json'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const text = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text.stdout += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      text.stderr += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ exitCode: code ?? -1, ...text }));
  });
}

for (const era of ['legacy', 'modern']) {
  test(`${era}: every tool`, async () => {
    await using harness = await startHarness();
    const server = ['--server-url', harness.url, '--transport', 'http', '--protocol-era', era];
    const withKey = [...server, '--header', `Authorization: Bearer ${harness.keyOf(...SCOPES)}`];
    const list = await inspect([...withKey, '--method', 'tools/list', '--strict']);
    assert.equal(list.exitCode, 0, list.stderr);
    for (const [tool, args] of Object.entries(CALLS)) {
      assert.match(list.stdout, new RegExp(`"${tool}"`));
      const call = await inspect([
        ...withKey,
        '--method',
        'tools/call',
        '--tool-name',
        tool,
        '--tool-args-json',
        JSON.stringify(args),
      ]);
      assert.equal(call.exitCode, 0, `${tool}: ${call.stdout}${call.stderr}`);
    }
    const read = await inspect([...withKey, '--method', 'resources/read', '--uri', 'memory:///user.md']);
    assert.match(read.stdout, /Kim/);
    const refused = await inspect([...server, '--stored-auth-only', '--method', 'tools/list']);
    assert.notEqual(refused.exitCode, 0);
    assert.match(refused.stdout + refused.stderr, /401|auth/i);
  });
}
