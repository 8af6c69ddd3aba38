// Talks to the admin API of the same listener. Guarantees: every request carries the token of the session, the key that was
// pasted is sent once and kept nowhere, and a session that has ended is told to the page, once.

const TOKEN_PLACE = 'mem-agent-session-token';
/** More rows than a person reads. */
const LONGEST_LIST = 5000;

/** What the API answered with: words, the fix, and the id to look for in the log. */
export class Problem extends Error {
  /** @param {{status: number, code?: string, detail?: string, hint?: string, requestId?: string}} problem */
  constructor({
    status,
    code = 'UNKNOWN',
    detail = `The daemon answered with HTTP ${status}`,
    hint = '',
    requestId = '',
  }) {
    super(detail);
    this.status = status;
    this.code = code;
    this.hint = hint;
    this.requestId = requestId;
  }
}

/** @typedef {{id: string, name: string, scopes: string[]}} Person */
/** @typedef {{method?: string, body?: unknown, signal?: AbortSignal | undefined, isBackground?: boolean, ifMatch?: string}} CallOptions */

/** Dispatches `signed-out` when a session has ended under way. */
export const session = new EventTarget();

/**
 * @param {string} path
 * @param {CallOptions} [options]
 */
async function request(path, { method = 'GET', body, signal, isBackground = false, ifMatch } = {}) {
  const token = localStorage.getItem(TOKEN_PLACE);
  /** @type {Record<string, string>} */
  const headers = {
    ...(token !== null && { 'x-csrf-token': token }),
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(isBackground && { 'x-background': '1' }),
    ...(ifMatch !== undefined && { 'if-match': ifMatch }),
  };
  let response;
  try {
    response = await fetch(path, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal !== undefined && { signal }),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Problem({
      status: 0,
      detail: 'The daemon does not answer',
      hint: 'Is it running? Look with: mem-agent status, or systemctl status mem-agent',
    });
  }
  if (response.ok) return response;
  /** @type {Record<string, string>} */
  const problem = await response.json().catch(() => ({}));
  if (response.status === 401 && path.startsWith('/admin/')) session.dispatchEvent(new Event('signed-out'));
  throw new Problem({ ...problem, status: response.status });
}

/**
 * A JSON answer of the admin API; the path is below /admin/v1.
 * @param {string} path
 * @param {CallOptions} [options]
 * @returns {Promise<any>}
 */
export async function call(path, options) {
  return (await request(`/admin/v1${path}`, options)).json();
}

/**
 * The same with its version, which a change names as `ifMatch` so that nothing is overwritten unseen.
 * @param {string} path
 * @param {CallOptions} [options]
 * @returns {Promise<{body: any, etag: string}>}
 */
export async function callVersioned(path, options) {
  const response = await request(`/admin/v1${path}`, options);
  return { body: await response.json(), etag: response.headers.get('etag') ?? '*' };
}

/**
 * A whole list of the admin API, whether it comes as an array or in pages.
 * @param {string} path
 * @param {CallOptions} [options]
 * @returns {Promise<any[]>}
 */
export async function list(path, options) {
  /** @type {any[]} */
  const items = [];
  for (let cursor = ''; ;) {
    const more = cursor === '' ? '' : `?cursor=${encodeURIComponent(cursor)}`;
    const answer = await call(`${path}${more}`, options);
    if (Array.isArray(answer)) return answer;
    items.push(...answer.items);
    if (answer.nextCursor === null || items.length > LONGEST_LIST) return items;
    cursor = answer.nextCursor;
  }
}

/**
 * The lines of a stream, until it ends or is aborted.
 * @param {string} path
 * @param {AbortSignal} signal
 */
export async function* lines(path, signal) {
  const response = await request(`/admin/v1${path}`, { signal, isBackground: true });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const piece = await reader?.read();
    if (piece === undefined || piece.done) return;
    const parts = (rest + piece.value).split('\n');
    rest = parts.pop() ?? '';
    yield* parts;
  }
}

/** @returns {Promise<Person | undefined>} who is signed in, if anybody is */
export async function whoAmI() {
  if (localStorage.getItem(TOKEN_PLACE) === null) return undefined;
  try {
    return await (await request('/session')).json();
  } catch (error) {
    if (error instanceof Problem && [401, 403].includes(error.status)) return undefined;
    throw error;
  }
}

/**
 * @param {{key: string} | {link: string}} proof
 * @returns {Promise<Person>}
 */
export async function signIn(proof) {
  const { token, ...person } = await (await request('/session', { method: 'POST', body: proof })).json();
  localStorage.setItem(TOKEN_PLACE, token);
  return person;
}

export async function signOut() {
  try {
    await request('/session', { method: 'DELETE' });
  } finally {
    localStorage.removeItem(TOKEN_PLACE);
  }
}

export function forgetSession() {
  localStorage.removeItem(TOKEN_PLACE);
}
