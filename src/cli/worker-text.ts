// How a worker reads in a terminal: its state, what it last failed of, its log, and what to do next.
// Guarantee: what the model server wrote cannot steer the terminal.
import { stripVTControlCharacters } from 'node:util';
import type { GpuFacts, WorkerLogLine, WorkerProbe, WorkerStatus } from '../worker/worker.ts';
import { formatTable } from './terminal.ts';

const GIB = 1024 ** 3;
const FAILURE_LINES = 5;

export function workerStatusText(status: WorkerStatus): string {
  const { name, profile, state, reason, sinceIso, pid, requestsRunning, restarts } = status;
  const rows: (readonly [label: string, text: string])[] = [
    ['why', plain(reason)],
    ['since', sinceIso],
    ['model', `${status.servedModel} at ${status.baseUrl ?? 'an address not chosen yet'}`],
    ['requests', `${requestsRunning} running, last progress ${status.lastProgressIso ?? 'never'}`],
    ['restarts', `${restarts}`],
  ];
  if (status.lease !== null) rows.push(['busy with', `${status.lease}; silence is no stall`]);
  if (status.lastCanaryIso !== null) rows.push(['canary', `answered ${status.lastCanaryIso}`]);
  for (const gpu of status.gpus) rows.push([`gpu ${gpu.index}`, gpuText(gpu)]);
  const failure = status.lastFailure;
  if (failure !== null) {
    rows.push(['failed', `${failure.atIso} (${failure.kind}): ${plain(failure.reason)}`]);
    for (const line of failure.logTail.slice(-FAILURE_LINES)) rows.push(['', plain(line)]);
  }
  const title = `${name}${profile === '' ? '' : ` (${profile})`}: ${state}${status.isAsleep ? ', asleep' : ''}`;
  const next = nextStep(status);
  return [
    `${title}${pid === null ? '' : `, process ${pid}`}`,
    ...rows.map(([label, text]) => `  ${label.padEnd(9)} ${text}`),
    ...(next === undefined ? [] : [next]),
  ].join('\n');
}

/** What an operator can do about it; undefined when there is nothing to do. */
export function nextStep({ state, reason, retryInMs, isAsleep }: WorkerStatus): string | undefined {
  // The reason names the fix already.
  if (reason.includes('mem-agent worker serve')) return undefined;
  const soon = retryInMs === null ? '' : ` Next attempt in ${Math.ceil(retryInMs / 1000)} s.`;
  switch (state) {
    case 'crash_loop':
      return `It ended too often.${soon} See why: mem-agent worker logs -n 200. Once mended: mem-agent worker restart`;
    case 'failed':
      return 'See why: mem-agent worker logs -n 200. Once mended: mem-agent worker restart';
    case 'backoff':
      return `${soon.trim()} At once: mem-agent worker restart`.trim();
    case 'stopped':
      return isAsleep ? 'The next question wakes it.' : 'Start it: mem-agent worker start';
    default:
      return undefined;
  }
}

export function probeText({ ok, steps }: WorkerProbe): string {
  return [
    ok ? 'The worker answers.' : 'The worker does NOT answer. See: mem-agent worker logs -n 200',
    formatTable(
      ['STEP', 'OK', 'MS', 'WHAT'],
      steps.map((step) => [step.step, step.ok ? 'yes' : 'no', step.durationMs.toFixed(0), plain(step.detail)]),
    ),
  ].join('\n');
}

export function logLineText({ timeIso, level, source, text }: WorkerLogLine): string {
  return `${timeIso} ${level.padEnd(5)} ${source === '' ? '' : `${plain(source)}: `}${plain(text)}`;
}

/** One line without colours or anything else that a terminal would obey. */
function plain(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll(/\p{Cc}/gu, ' ')
    .trimEnd();
}

function gpuText(gpu: GpuFacts): string {
  const memory = `${(gpu.memoryUsedBytes / GIB).toFixed(1)} of ${(gpu.memoryTotalBytes / GIB).toFixed(1)} GiB`;
  const heat = gpu.temperatureCelsius === null ? '' : `, ${gpu.temperatureCelsius} °C`;
  return `${plain(gpu.name)}, ${memory}, ${Math.round(gpu.utilisationRatio * 100)} %${heat}`;
}
