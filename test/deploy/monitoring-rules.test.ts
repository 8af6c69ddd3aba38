// The rules as promtool judges them: they parse, each alert fires and clears on recorded series, each has a page of a runbook,
// and what the pages tell to type exists. Needs promtool (Debian's package prometheus).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildProgram } from '../../src/cli/program.ts';
import { MESSAGE_ID } from '../../src/telemetry/message-ids.ts';
import { tempDirectory } from '../helpers/run-main.ts';
import { projectRoot } from '../helpers/source-files.ts';

const HERE = join(projectRoot, 'deploy/monitoring');
const RULES = join(HERE, 'prometheus/rules');
const TESTS = join(HERE, 'prometheus/tests');
const RUNBOOKS = join(HERE, 'runbooks');

const filesOf = (directory: string): string[] => readdirSync(directory).map((name) => join(directory, name));
const textOf = (directory: string): string =>
  filesOf(directory)
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
const alerts = [...textOf(RULES).matchAll(/^ +- alert: (\w+)$/gm)].map(([, name = '']) => name);

function promtool(...args: string[]): string {
  const run = spawnSync('promtool', args, { encoding: 'utf8' });
  if (run.error !== undefined) throw run.error;
  assert.equal(run.status, 0, run.stdout + run.stderr);
  return run.stdout;
}

test('promtool accepts the configurations and the rules', () => {
  promtool('check', 'rules', '--lint-fatal', ...filesOf(RULES));
  promtool('check', 'config', join(HERE, 'prometheus/prometheus.yml'));
  using home = tempDirectory();
  const key = join(home.path, 'mem-agent.key');
  writeFileSync(key, 'mema_client_example');
  mkdirSync(join(home.path, 'rules'));
  for (const name of readdirSync(RULES))
    writeFileSync(join(home.path, 'rules', name), readFileSync(join(RULES, name), 'utf8'));
  const remote = readFileSync(join(HERE, 'prometheus/prometheus-remote.yml'), 'utf8');
  assert.ok(remote.includes('/etc/prometheus/mem-agent.key'));
  writeFileSync(join(home.path, 'remote.yml'), remote.replace('/etc/prometheus/mem-agent.key', key));
  promtool('check', 'config', join(home.path, 'remote.yml'));
});

test('each alert fires and clears on recorded series', () => {
  promtool('test', 'rules', ...filesOf(TESTS));
  const text = textOf(TESTS);
  assert.ok(alerts.length >= 29 && new Set(alerts).size === alerts.length, alerts.join());
  for (const alert of alerts) {
    assert.match(text, new RegExp(`alertname: ${alert}\\n +exp_alerts:\\n +- exp_labels`), `${alert} never fires`);
    assert.match(text, new RegExp(`alertname: ${alert}\\n +exp_alerts: \\[\\]`), `${alert} never clears`);
  }
});

test('each alert has a severity, a page, and no page is left over', () => {
  const rules = textOf(RULES);
  for (const alert of alerts) {
    const rule = rules.slice(rules.indexOf(`- alert: ${alert}\n`)).split('\n      - ')[0] ?? '';
    assert.match(rule, /labels: \{ severity: (page|ticket) \}/, alert);
    assert.ok(rule.includes(`runbook: runbooks/${alert}.md`), alert);
    const page = readFileSync(join(RUNBOOKS, `${alert}.md`), 'utf8');
    assert.match(
      page,
      new RegExp(`^# ${alert}\\n\\n[^#]+\\n## See it\\n[^]+\\n## Do\\n[^]+\\n## Wake\\n\\n\\S`),
      alert,
    );
    for (const [, linked] of page.matchAll(/\]\((\w+)\.md\)/g))
      assert.ok(alerts.includes(linked ?? ''), `${alert}: ${linked}`);
  }
  const pages = readdirSync(RUNBOOKS).map((name) => name.replace(/\.md$/, ''));
  assert.deepEqual(pages.toSorted(), alerts.toSorted());
});

test('the commands and message ids of the pages exist', async () => {
  const text = textOf(RUNBOOKS);
  const lines = text.matchAll(/(?:^|`)mem-agent ((?:[a-z-]+)(?: [^`|#>\n]*)?)/gm);
  const typed = new Set(Array.from(lines, ([, line = '']) => line.trim()));
  assert.ok(typed.size > 12, [...typed].join('\n'));
  for (const line of typed) {
    let ran = 0;
    const program = buildProgram(async () => void (ran += 1));
    for (const command of program.commands) command.exitOverride();
    await program.parseAsync(line.split(/\s+/), { from: 'user' });
    assert.equal(ran, 1, line);
  }
  const ids: readonly string[] = Object.values(MESSAGE_ID);
  const named = [...text.matchAll(/\b[0-9a-f]{32}\b/g)].map(([id]) => id);
  assert.ok(named.length > 0);
  assert.deepEqual(
    named.filter((id) => !ids.includes(id)),
    [],
  );
});
