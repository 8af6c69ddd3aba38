// Steers a running test engine, whoever started it, by its base URL: script, models, faults, and what came in.
import { once } from 'node:events';
import { request } from 'node:http';
import { parseBaseUrl } from '../../../src/model/openai-options.ts';
import type { EngineFaults } from './engine-faults.ts';
import type { Received } from './engine-http.ts';
import type { EngineScript } from './script.ts';

export interface SeenByEngine {
  body: Record<string, unknown> & { model: string; messages: { role: string; content: string }[] };
  authorization: string | null;
  aborted: boolean;
  sentCharacters: number;
}

export interface EngineControl {
  setScript(script: EngineScript): Promise<void>;
  setModels(models: readonly string[]): Promise<void>;
  /** Replaces all faults; `{}` ends a hang. */
  setFaults(faults: EngineFaults): Promise<void>;
  /** The completions that came in. */
  requests(): Promise<SeenByEngine[]>;
  /** Every request and every byte, except the test's own. */
  received(): Promise<Received>;
  /** The text of one of its own addresses, such as `/metrics`. */
  get(path: string): Promise<string>;
  /** Any other call, on a connection of its own. */
  call(method: string, path: string, body?: unknown): Promise<string>;
}

export function createEngineControl(baseUrl: string): EngineControl {
  const { origin, socketPath } = parseBaseUrl(baseUrl);
  const call = async (method: string, path: string, body?: unknown): Promise<string> => {
    const outgoing = request(new URL(path, origin), {
      method,
      agent: false,
      ...(socketPath === null ? {} : { socketPath }),
    });
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    const [response] = (await once(outgoing, 'response')) as [AsyncIterable<Buffer>];
    const pieces: Buffer[] = [];
    for await (const piece of response) pieces.push(piece);
    return Buffer.concat(pieces).toString('utf8');
  };
  return {
    setScript: async (script) => void (await call('PUT', '/control/script', script)),
    setModels: async (models) => void (await call('PUT', '/control/models', models)),
    setFaults: async (faults) => void (await call('PUT', '/control/faults', faults)),
    requests: async () => JSON.parse(await call('GET', '/control/requests')) as SeenByEngine[],
    received: async () => JSON.parse(await call('GET', '/control/received')) as Received,
    get: async (path) => await call('GET', path),
    call,
  };
}
