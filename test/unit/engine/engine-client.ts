// What the tests of the test engines ask them with, below our own backend: plain HTTP, events, one metric.
import type { ChatRequest } from '../../../src/model/chat-backend.ts';
import type { Engine } from '../../helpers/engine/start-engine.ts';

export function askEngine(overrides: Partial<ChatRequest> = {}): ChatRequest {
  return {
    runId: 'run-1',
    messages: [{ role: 'user', content: 'Where do I live?' }],
    maxOutputTokens: 512,
    signal: new AbortController().signal,
    isComplete: () => false,
    ...overrides,
  };
}

export async function post(
  engine: Engine,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return await fetch(new URL(path, engine.baseUrl), { method: 'POST', body: JSON.stringify(body), headers });
}

/** The events of a stream; `[DONE]` and comments are left out. */
export async function readEvents(response: Response): Promise<Record<string, unknown>[]> {
  const events = (await response.text()).split('\n\n').filter((event) => event.startsWith('data: {'));
  return events.map((event) => JSON.parse(event.slice(6)) as Record<string, unknown>);
}

/** One sample by its name, and by more labels if `NAME{label="…"}` names them. */
export function metricOf(text: string, name: string): number {
  const [bare = '', label = ''] = name.replace('}', '').split('{');
  const line = text
    .split('\n')
    .find(
      (candidate) =>
        (candidate.startsWith(`${bare}{`) || candidate.startsWith(`${bare} `)) && candidate.includes(label),
    );
  return Number(line?.split(' ').at(-1));
}
