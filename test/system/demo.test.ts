// `mem-agent demo` as a newcomer runs it: every answer right, one JSON document, nothing left behind.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { runMain, tempDirectory } from '../helpers/run-main.ts';

interface DemoReport {
  ok: boolean;
  answers: { question: string; isRight: boolean; faults: string[] }[];
  audit: { action: string; operation: string | null; path: string | null }[];
  metrics: Record<string, number>;
}

test('five questions and one fact over MCP: right, audited, metered, cleaned up', async () => {
  using home = tempDirectory();
  const { code, stdout, stderr } = await runMain(['demo', '--json'], {
    home: home.path,
    env: { TMPDIR: home.path, MEM_AGENT_HTTP_LISTEN: '127.0.0.1:1' },
    timeoutMs: 60_000,
  });
  const report = JSON.parse(stdout) as DemoReport;
  assert.deepEqual(
    report.answers.filter((answer) => !answer.isRight),
    [],
    stderr,
  );
  assert.equal(report.answers.length, 6);
  assert.equal(code, 0);
  assert.ok(
    report.audit.some((row) => row.operation === 'note.write' && row.path === 'user.md'),
    'the fact is in the audit',
  );
  assert.equal(report.metrics['memagent_tool_calls_total{tool="use_memory_agent",outcome="ok"}'], 6);
  assert.deepEqual(readdirSync(home.path), [], 'nothing is left in the temporary directory');
});
