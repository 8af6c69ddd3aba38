// A real Prometheus scrapes a real daemon with a worker: every metric of the rules and the dashboards is there, every panel's
// expression is one and has data, and an alert lights up. Needs prometheus (Debian) and, for the last test, root.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { block, reply } from '../helpers/agent-run.ts';
import { callTool } from '../helpers/call-tool.ts';
import { installFakeCommands } from '../helpers/engine/fake-commands.ts';
import { oneGpu, writeFakeGpus } from '../helpers/engine/fake-gpu.ts';
import { startPrometheus, type Prometheus } from '../helpers/prometheus.ts';
import { tempDirectory } from '../helpers/run-main.ts';
import { projectRoot } from '../helpers/source-files.ts';
import { startDaemon } from '../helpers/start-daemon.ts';
import { until } from '../helpers/until.ts';
import { workerPlace, type WorkerDaemon } from '../helpers/worker-daemon.ts';

const DASHBOARDS = join(projectRoot, 'deploy/monitoring/grafana/dashboards');
const RULES = join(projectRoot, 'deploy/monitoring/prometheus/rules');

/** What has no series here, and why; its name must still be among the metrics. */
const WITHOUT_DATA: Readonly<Record<string, string>> = {
  memagent_model_cost_usd_total: 'no cloud is asked',
  memagent_cloud_credit_remaining_usd: 'no cloud is asked',
  memagent_redactions_total: 'no cloud is asked',
  memagent_unit_memory_bytes: 'no control group of its own where the tests run',
  memagent_unit_memory_limit_bytes: 'the same',
  memagent_unit_cpu_seconds_total: 'the same',
  memagent_unit_tasks: 'the same',
  memagent_host_network_bytes_total: 'the machine of the tests may have loopback only',
};

interface Panel {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { refId: string; expr: string; datasource: { uid: string } }[];
}

interface Dashboard {
  uid: string;
  title: string;
  schemaVersion: number;
  templating: { list: { name: string; type: string }[] };
  panels: Panel[];
}

const dashboards = readdirSync(DASHBOARDS).map(
  (name) => JSON.parse(readFileSync(join(DASHBOARDS, name), 'utf8')) as Dashboard,
);
const shownBy = (panel: Panel): string[] => (panel.targets ?? []).map(({ expr }) => expr);
const expressions = dashboards.flatMap(({ panels }) => panels.flatMap(shownBy));
/** As Grafana fills it in. */
const filledIn = (expression: string): string =>
  expression.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '1m');

/** The metrics an expression names; with the parts of a histogram under its own name. */
function metricsIn(expression: string): string[] {
  const names = expression.match(/\b(?:memagent_|process_|nodejs_)\w+(?=[{[) ]|$)/g) ?? [];
  return names.map((name) => name.replace(/_bucket$/, ''));
}

test('the dashboards are whole: ids, places, variables, one data source', () => {
  assert.deepEqual(
    dashboards.map(({ uid }) => uid),
    ['mem-agent-security', 'mem-agent-service', 'mem-agent-worker'],
  );
  for (const { title, schemaVersion, templating, panels } of dashboards) {
    assert.ok(schemaVersion >= 36 && title.startsWith('mem-agent: '));
    assert.deepEqual(
      templating.list.map(({ name, type }) => [name, type]),
      [
        ['datasource', 'datasource'],
        ['instance', 'query'],
      ],
    );
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length, title);
    const cells = new Set<string>();
    for (const panel of panels) {
      const { x, y, w, h } = panel.gridPos;
      assert.ok(x >= 0 && x + w <= 24, panel.title);
      for (let column = x; column < x + w; column++)
        for (let line = y; line < y + h; line++) {
          assert.ok(!cells.has(`${column} ${line}`), `${title}: ${panel.title} lies over another`);
          cells.add(`${column} ${line}`);
        }
      assert.equal(panel.type === 'row', shownBy(panel).length === 0, panel.title);
      for (const target of panel.targets ?? []) assert.equal(target.datasource.uid, '${datasource}', panel.title);
      for (const expression of shownBy(panel))
        assert.ok(metricsIn(expression).length > 0 || expression.includes('memagent:'), expression);
    }
  }
});

/** A bit of everything that the dashboards show. */
async function useAll(daemon: WorkerDaemon): Promise<void> {
  const target = { url: daemon.url, key: daemon.keys.client };
  const asked = await callTool(target, 'use_memory_agent', { question: 'What is my name?' });
  assert.ok(asked.ok && asked.structured['backend'] === 'worker', asked.text);
  assert.ok((await callTool(target, 'search', { query: 'name' })).ok);
  assert.ok(!(await callTool(target, 'fetch', { id: 'nowhere.md' })).ok);
  assert.equal((await callTool({ ...target, key: 'wrong' }, 'search', { query: 'name' })).status, 401);
}

async function checkPanels(prometheus: Prometheus): Promise<void> {
  const empty: string[] = [];
  for (const expression of expressions) {
    const isExcused = metricsIn(expression).some((name) => Object.hasOwn(WITHOUT_DATA, name));
    const found = await prometheus.query(filledIn(expression));
    if (found.length === 0 && !isExcused) empty.push(expression);
  }
  assert.deepEqual(empty, [], 'panels without data');
}

test('a scrape has every metric, every panel has data, an alert lights up', { timeout: 300_000 }, async (context) => {
  using gpu = tempDirectory();
  const commands = join(gpu.path, 'bin');
  mkdirSync(commands);
  const gpuFile = join(gpu.path, 'gpus.json');
  writeFakeGpus(gpuFile, { gpus: [oneGpu] });
  installFakeCommands(commands, { gpuFile });
  const path = process.env['PATH'];
  process.env['PATH'] = `${commands}:${path}`;
  using _path = { [Symbol.dispose]: () => void (process.env['PATH'] = path) };

  const replies = [block('user = read_file("user.md")'), reply('It is Ada.')];
  using place = workerPlace({
    script: { rules: [{ pattern: '.', replies }] },
    config: ['worker.canary_idle_ms = 500', 'agent.cache_ms = 60000'],
  });
  await using daemon = await place.start();
  await daemon.workerUntil(
    ({ state, lastCanaryIso, gpus }) => state === 'ready' && lastCanaryIso !== null && gpus.length > 0,
  );
  await useAll(daemon);
  assert.equal((await daemon.admin('GET', '/audit/verify')).status, 200);
  await using prometheus = await startPrometheus(daemon.opsUrl);
  const scrapes = async (): Promise<number> =>
    Number((await prometheus.query('count_over_time(up{job="mem-agent"}[5m])'))[0]?.value[1] ?? 0);
  await until('a first scrape', async () => (await scrapes()) >= 2, 60_000);
  await useAll(daemon);
  const before = await scrapes();
  await until('scrapes of that', async () => (await scrapes()) >= before + 4, 60_000);

  const text = await (await fetch(`${daemon.opsUrl}/metrics`)).text();
  const known = new Set(Array.from(text.matchAll(/^# HELP (\S+) /gm), ([, name]) => name));
  const rules = await prometheus.rules();
  const used = new Set([...expressions, ...rules.map(({ query }) => query)].flatMap(metricsIn));
  const histogramSums = (name: string): string => name.replace(/_(sum|count)$/, '');
  assert.ok(used.size > 60, String(used.size));
  assert.deepEqual(
    [...used].filter((name) => !known.has(name) && !known.has(histogramSums(name))),
    [],
    'not in /metrics',
  );
  const recorded = new Set(rules.filter(({ type }) => type === 'recording').map(({ name }) => name));
  const derived = [...expressions, ...rules.map(({ query }) => query)].flatMap(
    (q) => q.match(/memagent:[\w:]+/g) ?? [],
  );
  assert.deepEqual(
    derived.filter((name) => !recorded.has(name)),
    [],
  );
  const files = readdirSync(RULES).map((name) => readFileSync(join(RULES, name), 'utf8'));
  assert.equal(rules.length, files.join('').match(/^ +- (alert|record): /gm)?.length);
  await until('every rule was evaluated', async () =>
    (await prometheus.rules()).every(({ health }) => health === 'ok'),
  );
  await checkPanels(prometheus);

  const firing = async (): Promise<string[]> =>
    (await prometheus.rules())
      .filter(({ alerts }) => alerts?.some(({ state }) => state === 'firing'))
      .map((r) => r.name);
  assert.deepEqual(await firing(), []);
  {
    using db = new DatabaseSync(join(place.stateDir, 'core.db'), { timeout: 5000 });
    db.exec("DROP TRIGGER audit_forbids_update; UPDATE audit SET action = 'nothing' WHERE seq = 1");
  }
  const verified = await daemon.admin('GET', '/audit/verify');
  assert.equal((verified.body as { ok: boolean }).ok, false, JSON.stringify(verified));
  await until('the alert', async () => (await firing()).includes('MemAgentAuditChainInvalid'), 30_000);
  context.diagnostic(`${used.size} metrics, ${expressions.length} expressions, ${rules.length} rules`);
});

test('a daemon that sees only processes in /proc, as its unit has it, still tells of the machine', async () => {
  const wrap = ['unshare', '-m', 'sh', '-c', 'mount -t proc -o subset=pid proc /proc && exec "$@"', 'sh'];
  await using daemon = await startDaemon({ wrap, flags: ['--sandbox.standby', '0'] });
  const text = await (await fetch(`${daemon.opsUrl}/metrics`)).text();
  const valueOf = (series: string): number => Number(text.split(`\n${series} `)[1]?.split('\n')[0]);
  assert.ok(valueOf('memagent_host_memory_available_bytes') > 0);
  assert.ok(valueOf('memagent_host_memory_size_bytes') > valueOf('memagent_host_memory_available_bytes'));
  assert.ok(valueOf('memagent_host_load1') >= 0);
  assert.ok(valueOf('memagent_host_cpus') >= 1);
  assert.ok(valueOf('memagent_disk_free_bytes{place="state"}') > 0);
  assert.ok(valueOf('process_resident_memory_bytes') > 0);
  assert.doesNotMatch(text, /^memagent_host_cpu_seconds_total\{/m);
});
