// Sends one case over real HTTP and judges the answer by what must hold for every answer: no 5xx, no hang, a code and a hint
// with every refusal, and nothing of the program's inside.
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectRoot } from '../source-files.ts';
import { sendRaw } from '../raw-http.ts';

export interface FuzzCase {
  method: string;
  /** As it stands in the request line; no spaces. */
  path: string;
  headers: Record<string, string>;
  body?: string | undefined;
  /** Sent as it is instead of all the others. */
  raw?: string | undefined;
  /** An answer that stays open by design: its beginning is enough. */
  isStream?: boolean;
  /** A question to the agent: it takes as long as a run. */
  isLong?: boolean;
}

export interface FuzzAnswer {
  status: number;
  contentType: string;
  text: string;
  durationMs: number;
}

export const HANG_MS = 1000;
const GIVE_UP_MS = 10_000;
const RUN_MS = 60_000;
const STREAM_MS = 20;
const STACK = /^\s+at .*[:(]|\bat (async )?\S+ \(|node:internal|\.[mc]?[jt]s:\d+/m;

export interface FuzzClient extends Disposable {
  send(port: number, one: FuzzCase): Promise<FuzzAnswer>;
  /** What is wrong with the answer; empty when nothing is. A slow one is asked again alone before it counts. */
  judge(port: number, one: FuzzCase): Promise<string[]>;
  readonly statuses: ReadonlyMap<number, number>;
  readonly slowestMs: number;
  readonly reasked: number;
}

export function createFuzzClient(): FuzzClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const statuses = new Map<number, number>();
  let slowestMs = 0;
  let reasked = 0;

  const send = async (port: number, one: FuzzCase): Promise<FuzzAnswer> => {
    if (one.raw === undefined) return exchange(agent, port, one);
    const { status, text, durationMs } = await sendRaw(port, one.raw, { timeoutMs: GIVE_UP_MS });
    return { status, text: text.slice(text.indexOf('\r\n\r\n') + 4), durationMs, contentType: '' };
  };
  const judge = async (port: number, one: FuzzCase): Promise<string[]> => {
    let answer = await send(port, one);
    for (let again = 0; again < 3 && isHang(one, answer); again += 1) {
      reasked += 1;
      await sleep(250);
      answer = await send(port, one);
    }
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
    if (one.isLong !== true) slowestMs = Math.max(slowestMs, answer.durationMs);
    return faultsOf(one, answer);
  };
  return {
    send,
    judge,
    statuses,
    get slowestMs() {
      return slowestMs;
    },
    get reasked() {
      return reasked;
    },
    [Symbol.dispose]: () => agent.destroy(),
  };
}

function isHang(one: FuzzCase, { durationMs }: FuzzAnswer): boolean {
  return durationMs > (one.isLong === true ? RUN_MS : HANG_MS);
}

export function faultsOf(one: FuzzCase, answer: FuzzAnswer): string[] {
  const { status, text } = answer;
  const faults: string[] = [];
  if (isHang(one, answer)) faults.push(`it took ${Math.round(answer.durationMs)} ms`);
  if (status === 0) faults.push('no answer');
  if (status >= 500) faults.push(`HTTP ${status}: ${text.slice(0, 300)}`);
  if (STACK.test(text)) faults.push(`a stack trace: ${text.slice(0, 600)}`);
  if (text.includes(projectRoot)) faults.push('a path of the program');
  if (status >= 400 && one.method !== 'HEAD' && !hasCodeAndHint(text)) {
    faults.push(`HTTP ${status} without a stable code and a hint: ${text.slice(0, 300)}`);
  }
  return faults;
}

interface Refusal {
  code?: unknown;
  hint?: unknown;
  error?: { data?: { code?: unknown; hint?: unknown } };
}

function hasCodeAndHint(text: string): boolean {
  let body: Refusal;
  try {
    body = JSON.parse(text) as Refusal;
  } catch {
    return false;
  }
  const { code, hint } = body.error?.data ?? body;
  return typeof code === 'string' && /^[A-Z_]+$/.test(code) && typeof hint === 'string' && hint !== '';
}

function exchange(agent: Agent, port: number, one: FuzzCase): Promise<FuzzAnswer> {
  const startedMs = performance.now();
  const body = one.body === undefined ? undefined : Buffer.from(one.body);
  return new Promise((resolve) => {
    const outgoing = request({
      agent,
      host: '127.0.0.1',
      port,
      method: one.method,
      path: one.path,
      headers: {
        host: `127.0.0.1:${port}`,
        ...one.headers,
        ...(body !== undefined && { 'content-length': body.length }),
      },
      timeout: one.isLong === true ? RUN_MS : GIVE_UP_MS,
    });
    const answer: FuzzAnswer = { status: 0, contentType: '', text: '', durationMs: 0 };
    const finish = (): void => resolve({ ...answer, durationMs: performance.now() - startedMs });
    outgoing.once('timeout', () => outgoing.destroy());
    outgoing.once('response', (incoming) => {
      answer.status = incoming.statusCode ?? 0;
      answer.contentType = incoming.headers['content-type'] ?? '';
      incoming.setEncoding('utf8').on('data', (chunk: string) => (answer.text += chunk));
      incoming.once('close', finish);
      if (one.isStream === true) setTimeout(() => outgoing.destroy(), STREAM_MS);
    });
    outgoing.once('error', (error: NodeJS.ErrnoException) => {
      // A kept connection that ended as we wrote into it: not the fault of the case.
      if (outgoing.reusedSocket && answer.status === 0 && error.code === 'ECONNRESET')
        resolve(exchange(agent, port, one));
      else finish();
    });
    outgoing.end(body);
  });
}
