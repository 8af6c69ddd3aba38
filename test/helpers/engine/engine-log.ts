// What the stand-ins write: lines as vLLM, its engine process, uvicorn and tqdm write them, and a flood on request.
// Guarantee: nothing with MEMA_ENGINE_QUIET=1; vLLM's lines go to stderr, or to stdout with its own VLLM_LOGGING_STREAM.
import type { EngineFaults } from './engine-faults.ts';

export type Level = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR';

const isQuiet = (): boolean => process.env['MEMA_ENGINE_QUIET'] === '1';

export function writeLog(text: string): void {
  if (!isQuiet()) process.stderr.write(text);
}

/** `(APIServer pid=1) INFO 11-24 17:50:12 [core.py:123] text` */
export function logVllm(process_: 'APIServer' | 'EngineCore_DP0', level: Level, source: string, text: string): void {
  if (isQuiet()) return;
  const head = `(${process_} pid=${process.pid}) ${level} ${stamp()} [${source}] `;
  const out = process.env['VLLM_LOGGING_STREAM'] === 'ext://sys.stdout' ? process.stdout : process.stderr;
  out.write(
    text
      .split('\n')
      .map((line) => `${head}${line}\n`)
      .join(''),
  );
}

/** `INFO:     127.0.0.1:0 - "GET /health HTTP/1.1" 200 OK` */
export function logUvicorn(text: string, level: Level = 'INFO'): void {
  writeLog(`${`${level}:`.padEnd(10)}${text}\n`);
}

/** One state of vLLM's progress bar; it overwrites the one before. */
export function logProgress(label: string, done: number, total: number, elapsedMs: number): void {
  writeLog(`\r${label}: ${percent(done, total)} Completed | ${done}/${total} ${timing(done, total, elapsedMs)}`);
}

/** One state of tqdm's own progress bar. */
export function logBar(label: string, done: number, total: number, elapsedMs: number): void {
  const bar = '█'.repeat(Math.round((done / total) * 10)).padEnd(10);
  writeLog(`\r${label}: ${percent(done, total)}|${bar}| ${done}/${total} ${timing(done, total, elapsedMs)}`);
}

/** `logLinesPerSecond` more lines, in bursts, until the faults say otherwise. */
export function startFlood(faults: () => EngineFaults): void {
  let written = 0;
  let startedMs = performance.now();
  setInterval(() => {
    const rate = faults().logLinesPerSecond ?? 0;
    if (rate === 0) {
      written = 0;
      startedMs = performance.now();
      return;
    }
    const due = Math.floor(((performance.now() - startedMs) / 1000) * rate);
    // A reader that does not keep up gets no more than a second's worth: memory stays bounded.
    if (process.stderr.writableLength > 8_000_000) return;
    const lines: string[] = [];
    for (; written < due; written += 1) {
      lines.push(`(EngineCore_DP0 pid=${process.pid}) WARNING ${stamp()} [scheduler.py:411] flood line ${written}\n`);
    }
    writeLog(lines.join(''));
  }, 20).unref();
}

function percent(done: number, total: number): string {
  return `${String(Math.round((done / total) * 100)).padStart(3)}%`;
}

function timing(done: number, total: number, elapsedMs: number): string {
  if (done === 0) return `[${clock(elapsedMs)}<?, ?it/s]`;
  const leftMs = (elapsedMs / done) * (total - done);
  return `[${clock(elapsedMs)}<${clock(leftMs)}, ${(elapsedMs / 1000 / done).toFixed(2)}s/it]`;
}

function stamp(): string {
  const now = new Date();
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${two(now.getMonth() + 1)}-${two(now.getDate())} ${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
}

function clock(durationMs: number): string {
  const seconds = Math.floor(durationMs / 1000);
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
}
