// One question to the engine behind a worker, bracketed as the router brackets it.
import { requestEngine } from '../../../src/worker/worker-endpoint.ts';
import type { Worker } from '../../../src/worker/worker.ts';

export async function askEngine(
  worker: Worker,
  options: { signal?: AbortSignal; timeoutMs?: number; maxTokens?: number } = {},
): Promise<'ok' | 'failed' | 'cancelled'> {
  const { signal = new AbortController().signal, timeoutMs = 120_000, maxTokens = 50 } = options;
  const { baseUrl, servedModel } = worker.status();
  const request = worker.beginRequest();
  let outcome: 'ok' | 'failed' | 'cancelled' = 'failed';
  try {
    const { status } = await requestEngine(
      { baseUrl: baseUrl ?? '' },
      {
        method: 'POST',
        path: '/v1/chat/completions',
        body: { model: servedModel, messages: [{ role: 'user', content: 'Who am I?' }], max_tokens: maxTokens },
        timeoutMs,
        signal,
      },
    );
    request.progress();
    if (status === 200) outcome = 'ok';
  } catch {
    outcome = signal.aborted ? 'cancelled' : 'failed';
  }
  request.end(outcome);
  return outcome;
}
