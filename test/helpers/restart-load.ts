// Clients that never pause for a restart: plain calls that read and write through nginx, each of which must be answered, and
// streams, which may end with the daemon and are opened again. Tells what failed and what was acknowledged.
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { callTool } from './call-tool.ts';
import { modernCall } from './http-harness.ts';

export interface RestartLoad extends AsyncDisposable {
  /** Calls that were no streams. */
  readonly answered: number;
  readonly failures: readonly string[];
  readonly slowestMs: number;
  /** Notes that a client was told are written, by path. */
  readonly acknowledged: readonly string[];
  readonly runs: { readonly finished: number; readonly ended: number };
  readonly subscriptions: { readonly opened: number; readonly ended: number };
  /** No new calls; resolves when the last is answered. Disposing of it ends them. */
  finish(): Promise<void>;
}

/** Below the limits of the site: 20 a second for a key, 100 for an address. */
const PAUSE_MS = 100;

export function startRestartLoad(url: string, keys: readonly string[]): RestartLoad {
  const over = new AbortController();
  const cut = new AbortController();
  const failures: string[] = [];
  const acknowledged: string[] = [];
  const runs = { finished: 0, ended: 0 };
  const subscriptions = { opened: 0, ended: 0 };
  let answered = 0;
  let slowestMs = 0;

  const repeat = async (work: (index: number) => Promise<void>): Promise<void> => {
    for (let index = 0; !over.signal.aborted; index += 1) {
      await work(index);
      await sleep(PAUSE_MS);
    }
  };
  const must = async (
    what: string,
    call: () => Promise<{ status: number; ok: boolean; text: string }>,
  ): Promise<boolean> => {
    const startedMs = performance.now();
    let problem: string | undefined;
    try {
      const { status, ok, text } = await call();
      if (!ok) problem = `${status} ${text}`;
    } catch (error) {
      problem = inspect(error);
    }
    slowestMs = Math.max(slowestMs, performance.now() - startedMs);
    answered += 1;
    if (problem !== undefined) failures.push(`${new Date().toISOString()} ${what}: ${problem}`);
    return problem === undefined;
  };

  const writer = (key: string, number: number): Promise<void> =>
    repeat(async (index) => {
      const path = `load/writer-${number}/note-${index}.md`;
      if (await must(path, () => callTool({ url, key }, 'create_file', { path, content: `# ${path}\n` }, cut.signal)))
        acknowledged.push(path);
    });
  const reader = (key: string): Promise<void> =>
    repeat(async (index) => {
      const isSearch = index % 2 === 0;
      const [name, args] = isSearch ? ['search', { query: 'note' }] : ['memory_status', {}];
      await must(name, () => callTool({ url, key }, name, args, cut.signal));
    });
  const visitor = (): Promise<void> =>
    repeat(async () => {
      await must('health', async () => {
        const response = await fetch(new URL('/health', url), { signal: cut.signal });
        return { status: response.status, ok: response.ok, text: await response.text() };
      });
    });
  const asker = (key: string): Promise<void> =>
    repeat(async () => {
      const call = callTool({ url, key }, 'use_memory_agent', { question: 'Where does Anna live?' }, cut.signal);
      const isAnswered = await call.then(
        ({ ok }) => ok,
        () => false,
      );
      runs[isAnswered ? 'finished' : 'ended'] += 1;
    });
  const subscriber = (key: string): Promise<void> =>
    repeat(async () => {
      const { body, headers } = modernCall('subscriptions/listen', { notifications: { resourcesListChanged: true } });
      try {
        const response = await fetch(url, {
          method: 'POST',
          headers: {
            ...headers,
            authorization: `Bearer ${key}`,
            'content-type': 'application/json',
            accept: 'application/json, text/event-stream',
          },
          body: JSON.stringify(body),
          signal: over.signal,
        });
        if (response.status === 200) subscriptions.opened += 1;
        await response.text();
      } catch (error) {
        if (over.signal.aborted) return;
        if (!(error instanceof Error)) throw error;
      }
      subscriptions.ended += 1;
    });

  const clients = keys.flatMap((key, number) => [
    writer(key, number),
    reader(key),
    ...(number === 0 ? [visitor()] : []),
    asker(key),
    subscriber(key),
  ]);
  const finish = async (): Promise<void> => {
    over.abort();
    await Promise.all(clients);
  };
  return {
    get answered() {
      return answered;
    },
    get slowestMs() {
      return slowestMs;
    },
    failures,
    acknowledged,
    runs,
    subscriptions,
    finish,
    async [Symbol.asyncDispose]() {
      cut.abort();
      await finish();
    },
  };
}
