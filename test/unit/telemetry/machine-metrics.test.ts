// What is told of the machine: read from a /proc and a control group as a hardened unit sees them, and from the real ones.
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { readNetworkDevices, readProcessDisk, readUnit } from '../../../src/telemetry/machine-figures.ts';
import { createMetrics } from '../../../src/telemetry/metrics-registry.ts';
import { tempDirectory } from '../../helpers/run-main.ts';
import { until } from '../../helpers/until.ts';

const buildInfo = { version: '0.1.0', commit: 'abc', node: '26' };

function put(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

function valueOf(text: string, series: string): number | undefined {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

test('network devices: the outside ones, without loopback, bridges and the near ends of containers', () => {
  using home = tempDirectory();
  put(
    join(home.path, 'self/net/dev'),
    [
      'Inter-|   Receive                                                |  Transmit',
      ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed',
      '    lo: 1777326409 2097067 0 0 0 0 0 0 1777326409 2097067 0 0 0 0 0 0',
      '  eth0: 1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0',
      'enp3s0:18446744073 10 0 0 0 0 0 0 7 20 0 0 0 0 0 0',
      'veth12ab: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0',
      'docker0: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0',
      'nonsense',
      '',
    ].join('\n'),
  );
  assert.deepEqual(readNetworkDevices(home.path), [
    { device: 'eth0', receivedBytes: 1000, sentBytes: 2000 },
    { device: 'enp3s0', receivedBytes: 18446744073, sentBytes: 7 },
  ]);
});

test('the unit: memory without idle page cache, its limit, processor time, tasks', () => {
  using home = tempDirectory();
  const group = join(home.path, 'cgroup/system.slice/mem-agent.service');
  put(join(home.path, 'proc/self/cgroup'), '1:name=systemd:/x\n0::/system.slice/mem-agent.service\n');
  put(join(group, 'memory.current'), '1000000\n');
  put(join(group, 'memory.stat'), 'anon 500000\nfile 400000\ninactive_file 300000\nactive_file 100000\n');
  put(join(group, 'memory.max'), '1073741824\n');
  put(join(group, 'cpu.stat'), 'usage_usec 2500000\nuser_usec 1\n');
  put(join(group, 'pids.current'), '23\n');
  const read = (): unknown => readUnit(join(home.path, 'proc'), join(home.path, 'cgroup'));
  assert.deepEqual(read(), { memoryBytes: 700_000, memoryLimitBytes: 1_073_741_824, cpuSeconds: 2.5, tasks: 23 });
  put(join(group, 'memory.max'), 'max\n');
  rmSync(join(group, 'cpu.stat'));
  assert.deepEqual(read(), { memoryBytes: 700_000, memoryLimitBytes: null, cpuSeconds: null, tasks: 23 });
  rmSync(join(group, 'memory.current'));
  assert.equal(read(), null);
});

test('where nothing can be read nothing is told', () => {
  using home = tempDirectory();
  assert.deepEqual(readNetworkDevices(home.path), []);
  assert.equal(readProcessDisk(home.path), null);
  assert.equal(readUnit(home.path, home.path), null);
});

test('free space of each place; a place that moves or goes is not told with an old number', async () => {
  using home = tempDirectory();
  using metrics = createMetrics({ buildInfo });
  const notes = join(home.path, 'notes');
  mkdirSync(notes);
  metrics.machine.setPlaces({ state: home.path, memory: notes });
  let text = '';
  await until('both places are told', async () => {
    text = await metrics.render();
    return valueOf(text, 'memagent_disk_free_bytes{place="memory"}') !== undefined;
  });
  const { bavail, bsize, blocks } = statfsSync(home.path);
  assert.equal(valueOf(text, 'memagent_disk_size_bytes{place="state"}'), blocks * bsize);
  const free = valueOf(text, 'memagent_disk_free_bytes{place="state"}') ?? 0;
  assert.ok(free > 0 && Math.abs(free - bavail * bsize) < blocks * bsize * 0.05, String(free));
  rmSync(notes, { recursive: true });
  await until('the lost place is gone', async () => !(await metrics.render()).includes('place="memory"'));
  metrics.machine.setPlaces({ state: home.path, memory: home.path });
  await until('the new one is told', async () => (await metrics.render()).includes('place="memory"'));
});

test('processors, memory, load and network of this machine; totals of others are set, not added', async () => {
  using metrics = createMetrics({ buildInfo });
  const traffic = { listener: 'http', connections: 2, receivedBytes: 100, sentBytes: 900 };
  metrics.machine.setTraffic([traffic]);
  metrics.machine.setTraffic([{ ...traffic, sentBytes: 950 }]);
  await metrics.render();
  const text = await metrics.render();
  assert.equal(valueOf(text, 'memagent_network_bytes_total{listener="http",direction="out"}'), 950);
  assert.equal(valueOf(text, 'memagent_connections{listener="http"}'), 2);
  const size = valueOf(text, 'memagent_host_memory_size_bytes') ?? 0;
  const available = valueOf(text, 'memagent_host_memory_available_bytes') ?? 0;
  assert.ok(available > 0 && available <= size);
  assert.ok((valueOf(text, 'memagent_host_cpus') ?? 0) >= 1);
  assert.ok((valueOf(text, 'memagent_host_load1') ?? -1) >= 0);
  assert.ok((valueOf(text, 'memagent_host_cpu_seconds_total{mode="idle"}') ?? 0) > 0);
  for (const name of ['host_network_bytes_total', 'process_disk_bytes_total', 'unit_memory_bytes', 'unit_tasks'])
    assert.match(text, new RegExp(`^# HELP memagent_${name} `, 'm'));
});
