// Secrets are planted where they belong, traffic runs with the log at its loudest, and everything the daemon emits or stores is
// searched for each of them, plain and encoded. What may hold one by design is listed with its reason.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { callTool } from '../helpers/call-tool.ts';
import { cryptoRandom, TOKEN_MAKERS } from '../helpers/planted-secrets.ts';
import { tempDirectory } from '../helpers/run-main.ts';
import { startDaemon, type DaemonProcess, type StartDaemonOptions } from '../helpers/start-daemon.ts';

/** Where a secret may be, by the start of the place's name, and why. */
const BY_DESIGN: { secret: string; place: string; reason: string }[] = [
  { secret: 'note', place: 'state/index.db', reason: 'the search index holds the text of the notes' },
  { secret: 'client key', place: 'state/first-keys', reason: 'the owner reads the first keys there, once (mode 0600)' },
  { secret: 'admin key', place: 'state/first-keys', reason: 'the owner reads the first keys there, once (mode 0600)' },
];
const ADMIN_PAGES = [
  '/openapi.json',
  '/status',
  '/config',
  '/keys',
  '/usage',
  '/usage?by=tool',
  '/audit?limit=1000',
  '/audit/export',
];

test('no planted secret is found where it does not belong', async () => {
  assert.deepEqual(await leaks({}), []);
});

test('control: a daemon that logs keys is found out', async () => {
  const found = await leaks({ plantedBug: 'keys are logged' });
  assert.ok(
    found.some((leak) => leak.endsWith('in the log')),
    JSON.stringify(found),
  );
});

async function leaks(options: StartDaemonOptions): Promise<string[]> {
  using home = tempDirectory();
  const credentials = join(home.path, 'credentials');
  mkdirSync(credentials, { mode: 0o700 });
  const make = (kind: string): string => TOKEN_MAKERS[kind]?.(cryptoRandom) ?? '';
  const planted: Record<string, string> = {
    'model key': make('random'),
    'OpenRouter key': make('openrouter'),
    'wrong key': make('mem-agent'),
    token: make('jwt'),
    note: make('random'),
    question: make('random'),
  };
  writeFileSync(join(credentials, 'model.api_key'), planted['model key'] ?? '', { mode: 0o600 });
  writeFileSync(join(credentials, 'openrouter.api_key'), planted['OpenRouter key'] ?? '', { mode: 0o600 });
  const flags = ['--log.level', 'debug'];
  await using daemon = await startDaemon({ ...options, flags, env: { CREDENTIALS_DIRECTORY: credentials } });
  planted['client key'] = daemon.keys.client;
  planted['admin key'] = daemon.keys.admin;
  Object.assign(planted, await signIn(daemon));
  await traffic(daemon, planted);
  for (const [name, value] of Object.entries(planted))
    assert.ok(value.length >= 12, `${name} is too short to be sought`);
  const places = await collect(daemon);
  return Object.entries(planted).flatMap(([secret, value]) =>
    [...places]
      .filter(([place, content]) => formsOf(value).some((form) => content.includes(form)) && !belongs(secret, place))
      .map(([place]) => `${secret} in ${place}`),
  );
}

/** At the operator's page: the session is used, and stays open while everything is searched. */
async function signIn({ opsUrl, keys, cli }: DaemonProcess): Promise<Record<string, string>> {
  const link = (await cli('dashboard')).stdout;
  const body = JSON.stringify({ key: keys.admin });
  const headers = {
    'content-type': 'application/json',
    origin: new URL(opsUrl).origin,
    'sec-fetch-site': 'same-origin',
  };
  const response = await fetch(`${opsUrl}/session`, { method: 'POST', headers, body });
  const cookie = response.headers.get('set-cookie')?.split(';')[0] ?? '';
  const { token } = (await response.json()) as { token: string };
  const page = await fetch(`${opsUrl}/admin/v1/keys`, { headers: { ...headers, cookie, 'x-csrf-token': token } });
  assert.equal(page.status, 200, await page.text());
  return {
    'session cookie': cookie.split('=')[1] ?? '',
    'session token': token,
    'sign-in link': /[\w-]{43,}/.exec(link)?.[0] ?? '',
  };
}

async function traffic({ url, opsUrl, keys }: DaemonProcess, planted: Record<string, string>): Promise<void> {
  const target = { url, key: keys.client };
  const note = { path: 'entities/secret.md', content: `# Bank\n\n- login: ${planted['note']}\n` };
  assert.ok((await callTool(target, 'create_file', note)).ok);
  await callTool(target, 'create_file', note);
  await callTool(target, 'search', { query: planted['question'] ?? '' });
  await callTool(target, 'fetch', { id: 'entities/secret.md' });
  await callTool(target, 'fetch', { id: 'entities/../../x' });
  await callTool(target, 'use_memory_agent', { question: `Who is ${planted['question']}?` });
  for (const key of [planted['wrong key'] ?? '', planted['token'] ?? '']) {
    assert.equal((await callTool({ url, key }, 'list_files', {})).status, 401);
    await fetch(`${opsUrl}/admin/v1/keys`, { headers: { authorization: `Bearer ${key}` } });
  }
}

/** Everything that comes out or stays, by name. */
async function collect(daemon: DaemonProcess): Promise<Map<string, string>> {
  const places = new Map<string, string>();
  const headers = { authorization: `Bearer ${daemon.keys.admin}` };
  for (const page of ['/health', '/metrics', '/readyz', '/', ...ADMIN_PAGES.map((path) => `/admin/v1${path}`)])
    places.set(`GET ${page}`, await (await fetch(daemon.opsUrl + page, { headers })).text());
  for (const page of ['/', '/assets/reference.html'])
    places.set(`page ${page}`, await (await fetch(daemon.opsUrl + page, { headers: { accept: 'text/html' } })).text());
  for (const line of ['config print --explain', 'status', 'usage report --format csv', 'audit verify', 'keys list'])
    for (const json of [[], ['--json']]) {
      const run = await daemon.cli(...line.split(' '), ...json);
      places.set(`mem-agent ${line} ${json.join('')}`, run.stdout + run.stderr);
    }
  for (const [pid, name] of processesOf(daemon.pid)) {
    places.set(`arguments of ${name}`, readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
    places.set(`environment of ${name}`, readFileSync(`/proc/${pid}/environ`, 'latin1'));
  }
  await daemon.stop();
  for (const name of readdirSync(daemon.stateDir, { recursive: true, encoding: 'utf8' })) {
    if (/^sandbox|\.sock$/.test(name)) continue;
    const file = join(daemon.stateDir, name);
    if (existsSync(file) && !isDirectory(file)) places.set(`state/${name}`, readFileSync(file, 'latin1'));
  }
  places.set('the log', daemon.stderr());
  return places;
}

function isDirectory(path: string): boolean {
  try {
    readdirSync(path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOTDIR') return false;
    throw error;
  }
}

/** The daemon and its children that are there now. */
function processesOf(pid: number): [number, string][] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);
  return [[pid, 'the daemon'], ...children.map((child): [number, string] => [child, `child ${child}`])];
}

function belongs(secret: string, place: string): boolean {
  return BY_DESIGN.some((one) => one.secret === secret && place.startsWith(one.place));
}

function formsOf(value: string): string[] {
  const bytes = Buffer.from(value);
  return [
    value,
    encodeURIComponent(value),
    bytes.toString('hex'),
    value.split('').toReversed().join(''),
    // Base64 inside longer text begins at any of three places.
    ...[0, 1, 2].map((shift) =>
      Buffer.concat([Buffer.alloc(shift), bytes])
        .toString('base64')
        .slice(4, -4),
    ),
    value
      .split('')
      .map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  ];
}
