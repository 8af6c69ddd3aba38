// Metrics of the machine under the daemon: free space, memory, processors, network, and the unit with its children. What a
// hardened unit hides (`/proc/stat`) is missing there; Prometheus' own node exporter tells it.
import { statfs } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, loadavg, totalmem } from 'node:os';
import type { Counter } from 'prom-client';
import { readNetworkDevices, readProcessDisk, readUnit } from './machine-figures.ts';
import type { MetricFactory } from './metric-factory.ts';

/** What a part of the daemon sent and received over sockets, ever. */
export interface ListenerTraffic {
  listener: string;
  connections: number;
  receivedBytes: number;
  sentBytes: number;
}

export interface MachineMetrics {
  /** Measures all but disks; those are asked for and shown at the next call, because a hung disk must not hold the caller. */
  collect(): void;
  /** Whose free space is told: a name for the label, and a directory on it. Once at first, then whenever it changes. */
  setPlaces(places: Readonly<Record<string, string>>): void;
  setTraffic(traffic: readonly ListenerTraffic[]): void;
}

export function createMachineMetrics({ counter, gauge }: MetricFactory): MachineMetrics {
  const diskFree = gauge('disk_free_bytes', 'Space left for us on the disk of a directory', ['place']);
  const diskSize = gauge('disk_size_bytes', 'Size of the disk of a directory', ['place']);
  const processDisk = counter('process_disk_bytes_total', 'What this process read from and wrote to disks', [
    'direction',
  ]);
  const connections = gauge('connections', 'Open connections of clients', ['listener']);
  const traffic = counter('network_bytes_total', 'What clients sent (in) and were sent (out)', [
    'listener',
    'direction',
  ]);
  const unitMemory = gauge(
    'unit_memory_bytes',
    'Memory of the daemon with its children: sandboxes, and a worker of its own',
  );
  const unitLimit = gauge('unit_memory_limit_bytes', 'The most it may take before the kernel ends something');
  const unitCpu = counter('unit_cpu_seconds_total', 'Processor time of the daemon with its children');
  const unitTasks = gauge('unit_tasks', 'Processes and threads of the daemon with its children');
  const load = gauge('host_load1', 'Load average of the machine over a minute');
  const processors = gauge('host_cpus', 'Processors this process may use');
  const hostCpu = counter('host_cpu_seconds_total', 'What the processors of the machine did', ['mode']);
  const memoryFree = gauge('host_memory_available_bytes', 'Memory of the machine that could be had');
  const memorySize = gauge('host_memory_size_bytes', 'Memory of the machine');
  const hostNetwork = counter('host_network_bytes_total', 'Traffic of the network devices of the machine', [
    'device',
    'direction',
  ]);

  let places: Readonly<Record<string, string>> = {};
  let asking: Promise<void> | undefined;

  const askDisks = async (asked: Readonly<Record<string, string>>): Promise<void> => {
    for (const [place, directory] of Object.entries(asked)) {
      try {
        const { bsize, bavail, blocks } = await statfs(directory);
        if (asked !== places) return;
        diskFree.set({ place }, bavail * bsize);
        diskSize.set({ place }, blocks * bsize);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        // An old number would look like space.
        diskFree.remove({ place });
        diskSize.remove({ place });
      }
    }
  };
  const refreshDisks = (): void => {
    asking ??= askDisks(places).finally(() => (asking = undefined));
  };
  const collectUnit = (): void => {
    const unit = readUnit();
    if (unit === null) return;
    unitMemory.set(unit.memoryBytes);
    if (unit.memoryLimitBytes !== null) unitLimit.set(unit.memoryLimitBytes);
    if (unit.cpuSeconds !== null) setTotal(unitCpu, {}, unit.cpuSeconds);
    if (unit.tasks !== null) unitTasks.set(unit.tasks);
  };

  return {
    collect() {
      refreshDisks();
      collectUnit();
      const disk = readProcessDisk();
      if (disk !== null) {
        setTotal(processDisk, { direction: 'read' }, disk.readBytes);
        setTotal(processDisk, { direction: 'write' }, disk.writtenBytes);
      }
      load.set(loadavg()[0] ?? 0);
      processors.set(availableParallelism());
      memoryFree.set(freemem());
      memorySize.set(totalmem());
      for (const [mode, seconds] of processorSeconds()) setTotal(hostCpu, { mode }, seconds);
      hostNetwork.reset();
      for (const { device, receivedBytes, sentBytes } of readNetworkDevices()) {
        hostNetwork.inc({ device, direction: 'in' }, receivedBytes);
        hostNetwork.inc({ device, direction: 'out' }, sentBytes);
      }
    },
    setPlaces(next) {
      const names = Object.keys(next);
      const isSame = names.length === Object.keys(places).length && names.every((name) => places[name] === next[name]);
      if (isSame) return;
      places = next;
      refreshDisks();
    },
    setTraffic(all) {
      for (const { listener, connections: open, receivedBytes, sentBytes } of all) {
        connections.set({ listener }, open);
        setTotal(traffic, { listener, direction: 'in' }, receivedBytes);
        setTotal(traffic, { listener, direction: 'out' }, sentBytes);
      }
    },
  };
}

/** Of all processors together; empty where the system does not say. */
function processorSeconds(): Map<string, number> {
  const seconds = new Map<string, number>();
  for (const { times } of cpus())
    for (const [mode, ms] of Object.entries(times)) seconds.set(mode, (seconds.get(mode) ?? 0) + ms / 1000);
  return seconds;
}

/** For what others have counted. */
function setTotal<L extends string>(target: Counter<L>, labels: Partial<Record<L, string>>, value: number): void {
  target.remove(labels);
  target.inc(labels, value);
}
