// A file of rules that breaks under a running daemon: questions are refused, and the operator sees why and repairs it by the command
// line, although the command's own configuration fails for the same file.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { callTool } from '../helpers/call-tool.ts';
import { tempDirectory } from '../helpers/run-main.ts';
import { startDaemon } from '../helpers/start-daemon.ts';

test('filters show says what is wrong with which file, filters set repairs it', async () => {
  using home = tempDirectory();
  const [filters, rules, good] = ['filters', 'rules', 'good'].map((name) => join(home.path, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(filters, 'never tell the salary\n');
  writeFileSync(rules, 'redact Kim\n');
  writeFileSync(good, 'redact Ann\n');
  const env = { MEM_AGENT_MEMORY_FILTERS_FILE: filters, MEM_AGENT_PRIVACY_RULES_FILE: rules };
  await using daemon = await startDaemon({ env, flags: ['--sandbox.standby', '0'] });
  const ask = (): ReturnType<typeof callTool> =>
    callTool({ url: daemon.url, key: daemon.keys.client }, 'use_memory_agent', { question: 'Who am I?' });
  assert.ok((await ask()).ok);
  assert.equal((await daemon.cli('filters', 'show')).code, 0);

  rmSync(filters);
  writeFileSync(rules, 'hide Kim\n');
  assert.equal((await ask()).code, 'CONFIG_INVALID');
  const shown = await daemon.cli('filters', 'show');
  assert.equal(shown.code, 1, shown.stderr);
  assert.match(shown.stdout, /^# answer: [^\n]*\n[^]*# privacy: [^\n]*\nhide Kim/);
  assert.match(shown.stderr, /no such file\. Every question is refused[^\n]*filters set answer FILE/);
  assert.match(shown.stderr, /rules_file [^\n]*line 1[^\n]*filters set privacy FILE/);
  const asJson = await daemon.cli('filters', 'show', 'privacy', '--json');
  assert.equal(asJson.code, 1);
  assert.match((JSON.parse(asJson.stdout) as { problem: { detail: string } }).problem.detail, /line 1/);
  // Other commands name the file and the fix as before.
  const other = await daemon.cli('keys', 'list');
  assert.equal(other.code, 78);
  assert.match(other.stderr, /memory\.filters_file.*no such file/);

  for (const kind of ['answer', 'privacy']) {
    const set = await daemon.cli('filters', 'set', kind, good);
    assert.equal(set.code, 0, set.stderr);
  }
  const repaired = await daemon.cli('filters', 'show');
  assert.deepEqual([repaired.code, repaired.stderr], [0, '']);
  assert.ok((await ask()).ok);

  // Without a daemon there is nobody to ask: the configuration's own error names the fix.
  rmSync(filters);
  await daemon.stop();
  const alone = await daemon.cli('filters', 'show');
  assert.equal(alone.code, 78);
  assert.match(alone.stderr, /memory\.filters_file.*no such file.*Correct the path/s);
});
