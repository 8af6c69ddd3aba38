// The admin API for commands: over the running daemon's socket, or the same app in process when no daemon runs.
// Guarantees: a held state lock without a socket is an error, never a second writer.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OfflineAdmin } from '../daemon/open-offline.ts';
import { AppError, isErrorCode } from '../lib/app-error.ts';
import type { AdminApi } from './admin-api-table.ts';
import { becomeOwner } from './become-owner.ts';
import type { CliContext } from './cli-context.ts';
import { assertSameState } from './daemon-link.ts';
import { findDaemon } from './find-daemon.ts';
import { openUnixFetch, probeSocket, type UnixFetch } from './unix-fetch.ts';

/** Served on the admin socket alone, and so in no OpenAPI document. */
interface SocketApi {
  'POST /dashboard/links': { input?: Record<string, never>; answer: { token: string; expiresAt: string } };
}

type Api = AdminApi & SocketApi;
export type AdminRoute = keyof Api;
export type AdminInput<R extends AdminRoute> = NonNullable<Api[R]['input']>;
export type AdminAnswer<R extends AdminRoute> = Api[R]['answer'];
/** Left out where nothing is needed. */
type InputOf<R extends AdminRoute> = Api[R] extends { input: object } ? [AdminInput<R>] : [AdminInput<R>?];

export interface AdminClient extends AsyncDisposable {
  readonly isRunning: boolean;
  /** Throws the AppError that the API answered with. */
  call<R extends AdminRoute>(route: R, ...input: InputOf<R>): Promise<AdminAnswer<R>>;
  /** The same, with the version of what was answered, for If-Match. */
  read<R extends AdminRoute>(route: R, ...input: InputOf<R>): Promise<{ answer: AdminAnswer<R>; etag: string }>;
  /** A text answer, piece by piece; ends without an error when `stop` is aborted. */
  stream<R extends AdminRoute>(route: R, input: AdminInput<R>, stop?: AbortSignal): AsyncIterable<string>;
}

/** A daemon that is just starting holds the lock before its socket answers. */
const STARTING_WAIT_MS = 3000;

export async function openAdminClient(context: CliContext): Promise<AdminClient> {
  const client = await openClient(context, true);
  if (client === undefined) throw new AppError('INTERNAL', 'There is no store');
  return client;
}

/** For commands that only look: undefined when no daemon runs and no store was ever made here; none is made. */
export function findAdminClient(context: CliContext): Promise<AdminClient | undefined> {
  return openClient(context, false);
}

/** For a daemon whose configuration cannot be read here: undefined when nobody listens on its socket. */
export async function openAdminAt(socketPath: string): Promise<AdminClient | undefined> {
  if ((await probeSocket(socketPath)) !== 'listening') return undefined;
  return adminOver(openUnixFetch(socketPath));
}

/** Over a daemon's socket, which is closed with the client. */
export function adminOver(unix: UnixFetch): AdminClient {
  return createClient(true, (path, init) => unix.fetch(`/admin/v1${path}`, init), unix);
}

async function openClient(context: CliContext, makeStore: boolean): Promise<AdminClient | undefined> {
  const first = context.load();
  for (const deadline = performance.now() + STARTING_WAIT_MS; ; await sleep(100)) {
    const found = await findDaemon(first);
    const loaded = context.load(found.flags);
    if (found.isRunning) {
      const unix = openUnixFetch(found.socketPath);
      await assertSameState(unix, loaded);
      return adminOver(unix);
    }
    if (!makeStore && !existsSync(join(loaded.config.state.dir, 'core.db'))) return undefined;
    becomeOwner(loaded.config.state.dir);
    let offline: OfflineAdmin;
    // Loaded only when it is needed: talking to a daemon takes none of it.
    const { openOffline } = await import('../daemon/open-offline.ts');
    try {
      offline = await openOffline(loaded);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'STATE_LOCKED' || performance.now() > deadline) throw error;
      continue;
    }
    return createClient(false, async (path, init) => offline.app.request(path, init), offline);
  }
}

interface RequestInitLike {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  signal?: AbortSignal;
}

function createClient(
  isRunning: boolean,
  request: (path: string, init: RequestInitLike) => Promise<Response>,
  owned: AsyncDisposable,
): AdminClient {
  async function read<R extends AdminRoute>(
    route: R,
    ...[input]: InputOf<R>
  ): Promise<{ answer: AdminAnswer<R>; etag: string }> {
    const { path, init } = requestFor(route, input ?? {});
    const response = await request(path, init);
    if (!response.ok) throw await problemOf(response);
    // The types are made from what the daemon says it answers; a test holds the two together.
    return { answer: (await response.json()) as AdminAnswer<R>, etag: response.headers.get('etag') ?? '' };
  }
  return {
    isRunning,
    read,
    call: async (route, ...input) => (await read(route, ...input)).answer,
    async *stream(route, input, stop) {
      try {
        const { path, init } = requestFor(route, input);
        const response = await request(path, stop === undefined ? init : { ...init, signal: stop });
        if (!response.ok) throw await problemOf(response);
        if (response.body !== null) yield* response.body.pipeThrough(new TextDecoderStream());
      } catch (error) {
        if (stop?.aborted !== true) throw error;
      }
    },
    [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
  };
}

interface AnyInput {
  params?: Record<string, string>;
  query?: Record<string, string | number | undefined>;
  body?: unknown;
  ifMatch?: string | undefined;
}

function requestFor(
  route: AdminRoute,
  { params = {}, query = {}, body, ifMatch }: AnyInput,
): { path: string; init: RequestInitLike } {
  const [method = '', pattern = ''] = route.split(' ');
  const path = pattern.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
  const given = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
  const search = given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
  const headers = {
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(ifMatch !== undefined && { 'if-match': ifMatch }),
  };
  return { path: path + search, init: { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) } };
}

/** The error as the daemon said it, with its code, so that it reads the same with and without a daemon. */
async function problemOf(response: Response): Promise<AppError> {
  const text = await response.text();
  const problem = parseProblem(text);
  const code = isErrorCode(problem.code) ? problem.code : 'INTERNAL';
  return new AppError(code, problem.detail ?? `The admin API answered with HTTP ${response.status}`, {
    hint: problem.hint ?? 'Look into the log of the daemon',
  });
}

function parseProblem(text: string): { code?: string; detail?: string; hint?: string } {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null ? body : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
