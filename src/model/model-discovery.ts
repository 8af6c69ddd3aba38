// Which models a server offers, asked once and remembered; asked again when the server no longer knows the one we use.
// Guarantee: many turns at the same time cost one question.
import { AppError } from '../lib/app-error.ts';

const LONGEST_NAME = 256;

export class ModelDiscovery {
  readonly #ask: () => Promise<string>;
  #known: Promise<readonly string[]> | null = null;

  /** `ask` fetches the body of `/models`. */
  constructor(ask: () => Promise<string>) {
    this.#ask = ask;
  }

  async names(): Promise<readonly string[]> {
    this.#known ??= this.#ask().then(parseModelNames);
    try {
      return await this.#known;
    } catch (error) {
      this.#known = null;
      throw error;
    }
  }

  async first(): Promise<string> {
    const [name] = await this.names();
    if (name !== undefined) return name;
    this.forget();
    throw new AppError('MODEL_UNAVAILABLE', 'The model server offers no model', {
      hint: 'Load a model in the server, or set model.name',
    });
  }

  forget(): void {
    this.#known = null;
  }
}

export function parseModelNames(body: string): readonly string[] {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (error) {
    throw noList(error);
  }
  const data = typeof json === 'object' && json !== null && 'data' in json ? json.data : json;
  if (!Array.isArray(data)) throw noList(undefined);
  const names: string[] = [];
  for (const entry of data as unknown[]) {
    const id: unknown = typeof entry === 'object' && entry !== null && 'id' in entry ? entry.id : null;
    if (typeof id === 'string' && id !== '' && id.length <= LONGEST_NAME) names.push(id);
  }
  return names;
}

function noList(cause: unknown): AppError {
  return new AppError('MODEL_PROTOCOL', 'The model server did not answer /models with a list', {
    hint: 'Set model.name, and check that model.base_url ends in the API path, usually /v1',
    cause,
  });
}
