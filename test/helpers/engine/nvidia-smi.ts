// `nvidia-smi --query-gpu=… --format=csv…` with the figures of MEMA_FAKE_GPU_FILE and what the test engines claim (fake-gpu.ts).
// Without that file it says what the program says on a machine that has no driver.
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseCommandLine } from './command-line.ts';
import { liveClaims } from './fake-gpu.ts';
import type { FakeGpu, FakeGpus } from './fake-gpu.ts';

const NO_DRIVER =
  "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n";

interface Field {
  unit: string;
  value(gpu: FakeGpu, claimedMib: number): string | number | null;
}

const FIELDS: Record<string, Field> = {
  index: { unit: '', value: (gpu) => gpu.index },
  name: { unit: '', value: (gpu) => gpu.name },
  uuid: { unit: '', value: (gpu) => `GPU-00000000-0000-0000-0000-00000000000${gpu.index}` },
  'memory.used': { unit: 'MiB', value: (gpu, claimed) => Math.min(gpu.memoryTotalMib, gpu.memoryUsedMib + claimed) },
  'memory.free': {
    unit: 'MiB',
    value: (gpu, claimed) => Math.max(0, gpu.memoryTotalMib - gpu.memoryUsedMib - claimed),
  },
  'memory.total': { unit: 'MiB', value: (gpu) => gpu.memoryTotalMib },
  'utilization.gpu': { unit: '%', value: (gpu) => gpu.utilisationPercent },
  'temperature.gpu': { unit: '', value: (gpu) => gpu.temperatureCelsius },
};

const line = parseCommandLine(process.argv.slice(2), {
  program: 'nvidia-smi',
  maxPositionals: 0,
  aliases: { i: 'id', L: 'list-gpus' },
  flags: {
    'query-gpu': 'text',
    'query-compute-apps': 'text',
    format: 'text',
    id: 'text',
    'list-gpus': 'switch',
  },
});

const file = process.env['MEMA_FAKE_GPU_FILE'];
if (file === undefined || !existsSync(file)) {
  process.stdout.write(NO_DRIVER);
  process.exit(9);
}
const { gpus, failure, delayMs = 0 } = JSON.parse(readFileSync(file, 'utf8')) as FakeGpus;
await sleep(delayMs);
if (failure !== undefined) {
  process.stdout.write(`${failure.message}\n`);
  process.exit(failure.exitCode);
}
const claims = liveClaims(file, Date.now());
const format = new Set(line.text('format')?.split(','));
const chosen = line.text('id')?.split(',');
const shown = gpus.filter((gpu) => chosen === undefined || chosen.includes(String(gpu.index)));

if (line.has('list-gpus')) {
  print(shown.map((gpu) => [`GPU ${gpu.index}: ${gpu.name} (UUID: ${String(FIELDS['uuid']?.value(gpu, 0))})`]));
} else if (line.has('query-compute-apps')) {
  const asked = (line.text('query-compute-apps') ?? '').split(',');
  const known: Record<string, (claim: { pid: number; memoryMib: number }) => string> = {
    pid: ({ pid }) => String(pid),
    used_memory: ({ memoryMib }) => withUnit(memoryMib, 'MiB'),
    process_name: () => 'VLLM::EngineCore',
  };
  checkFields(asked, Object.keys(known));
  printTable(
    asked.map((name) => (name === 'used_memory' ? 'used_gpu_memory [MiB]' : name)),
    claims.map((claim) => asked.map((name) => known[name]?.(claim) ?? '')),
  );
} else {
  const asked = (line.text('query-gpu') ?? '').split(',').map((name) => name.trim());
  checkFields(asked, Object.keys(FIELDS));
  const claimedMib = claims.reduce((sum, { memoryMib }) => sum + memoryMib, 0);
  printTable(
    asked.map((name) => titleOf(name)),
    shown.map((gpu, position) => asked.map((name) => cell(name, gpu, position === 0 ? claimedMib : 0))),
  );
}

function checkFields(asked: readonly string[], known: readonly string[]): void {
  const unknown = asked.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  process.stdout.write(`Field "${unknown}" is not a valid field to query.\n\n`);
  process.exit(2);
}

function titleOf(name: string): string {
  const unit = FIELDS[name]?.unit ?? '';
  return unit === '' ? name : `${name} [${unit}]`;
}

function cell(name: string, gpu: FakeGpu, claimedMib: number): string {
  const field = FIELDS[name];
  const value = field?.value(gpu, claimedMib) ?? null;
  return value === null ? '[N/A]' : withUnit(value, field?.unit ?? '');
}

function withUnit(value: string | number, unit: string): string {
  return unit === '' || format.has('nounits') ? String(value) : `${value} ${unit}`;
}

function printTable(titles: string[], rows: string[][]): void {
  print(format.has('noheader') ? rows : [titles, ...rows]);
}

function print(rows: string[][]): void {
  process.stdout.write(rows.map((row) => `${row.join(', ')}\n`).join(''));
}
