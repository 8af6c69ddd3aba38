// One service with every listener over real HTTP, real keys and real memory roots, for tests of who may do what. The audit is recorded,
// and the admin API's operations only say that they were called, so that a drain can be asked for a thousand times.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JWTPayload } from 'jose';
import { openKeyStore, type KeyStore } from '../../src/auth/open-key-store.ts';
import { openUnixFetch } from '../../src/cli/unix-fetch.ts';
import type { Config } from '../../src/config/config.ts';
import { openIdentity } from '../../src/daemon/open-identity.ts';
import { openRoots } from '../../src/daemon/open-roots.ts';
import { createAdminApp } from '../../src/http/admin/admin-app.ts';
import { createHttpApps, type HttpApps } from '../../src/http/http-apps.ts';
import { openListener } from '../../src/http/listeners.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { INDEX_SCHEMA } from '../../src/memory/index-database.ts';
import { openCoreStore } from '../../src/store/core-store.ts';
import { createGroupCommit } from '../../src/store/group-commit.ts';
import type { Db } from '../../src/store/sqlite.ts';
import { openIndexStore } from '../../src/store/index-store.ts';
import type { Caller } from '../fixtures/permission-matrix.ts';
import { createFakePorts, type FakePorts } from '../unit/http-admin/fake-ports.ts';
import { createFakeWorker } from './fake-worker.ts';
import { silentLogger, startHarness, type AuditEntry } from './http-harness.ts';
import { AUDIENCE, forge, startIdentityProvider, type IdentityProvider } from './identity-provider.ts';
import { until } from './until.ts';

/** Stands in every note outside `projects/`: a caller that sees only that folder must never get it. */
export const HIDDEN_WORD = 'CANARYWHALE';

export interface WorldRequest {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: unknown;
}

export interface PermissionWorld extends AsyncDisposable {
  apps: HttpApps;
  keys: KeyStore;
  db: Db;
  audit: AuditEntry[];
  /** A token of the identity provider, with the scopes, root and policy of the caller. */
  tokenOf(caller: Caller, claims?: JWTPayload): Promise<string>;
  admin: FakePorts;
  directories: { default: string; frozen: string };
  stateDirectory: string;
  /** The notes as they were at first. */
  plant(): void;
  /** `http` and `ops` over TCP, `admin` over the socket. */
  send(listener: 'http' | 'ops' | 'admin', request: WorldRequest): Promise<Response>;
}

export async function openPermissionWorld(): Promise<PermissionWorld> {
  await using stack = new AsyncDisposableStack();
  const base = mkdtempSync(join(tmpdir(), 'mem-matrix-'));
  stack.defer(() => rmSync(base, { recursive: true, force: true }));
  const directories = { default: join(base, 'notes'), frozen: join(base, 'frozen') };
  const plant = (): void => Object.values(directories).forEach(plantNotes);
  plant();

  const harness = stack.use(await startHarness());
  const store = stack.use(openCoreStore({ directory: join(base, 'state') }));
  const groupCommit = stack.use(createGroupCommit(store.db, { onError: () => undefined }));
  const keys = stack.use(openKeyStore({ store, clock: systemClock, groupCommit }));
  const index = stack.use(openIndexStore({ directory: join(base, 'state'), schema: INDEX_SCHEMA }));
  const memory = {
    dir: directories.default,
    roots: [`name=frozen path=${directories.frozen} readonly=true`],
    maxFileBytes: 1024 ** 2,
    maxRootBytes: 1024 ** 3,
  };
  const roots = stack.use(
    openRoots({
      config: { memory } as unknown as Config,
      indexDatabase: index.db,
      clock: systemClock,
      onEvent: () => undefined,
    }),
  );
  roots.start();
  await until('the indexes', () => roots.all().every((root) => root.status().index === 'ready'));

  const provider = stack.use(await startIdentityProvider());
  await provider.addKey('matrix');
  const identity = openIdentity(identityConfig(provider), systemClock, silentLogger);
  const admin = createFakePorts({ worker: createFakeWorker() });
  // Without the backend that never answers.
  const [backend] = admin.ports.models.list();
  admin.ports.models.list = () => (backend === undefined ? [] : [backend]);
  const apps = createHttpApps(
    {
      ...harness.ports,
      verifyKey: (token) => keys.verify(token),
      verifyJwt: async (token) => identity?.verify(token) ?? { failure: 'malformed' },
      principalOf: (id) => keys.principalOf(id),
      rootOf: (principal) => roots.rootOf(principal),
    },
    {
      version: '0.0.0-test',
      allowedHosts: [],
      allowedOrigins: [],
      trustedProxies: ['127.0.0.1/32'],
      maxBodyBytes: 65_536,
      protectedResource: identity?.protectedResource,
    },
    createAdminApp(admin.ports),
  );
  keys.onChange(() => apps.callers.look());
  stack.defer(() => apps.mcp.close());
  const tcp = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
  const socket = join(base, 'admin.sock');
  const http = stack.use(await openListener(apps.http, { address: tcp, key: 'http.listen' }));
  const ops = stack.use(await openListener(apps.ops, { address: tcp, key: 'ops.listen' }));
  stack.use(await openListener(apps.adminSocket, { address: { kind: 'unix', path: socket }, key: 'admin.socket' }));
  const unix = stack.use(openUnixFetch(socket));
  const owned = stack.move();
  return {
    apps,
    keys,
    db: store.db,
    audit: harness.audit,
    admin,
    directories,
    stateDirectory: join(base, 'state'),
    plant,
    tokenOf: (caller, claims) => tokenOf(provider, caller, claims),
    send(listener, { method, path, headers = {}, body }) {
      const json = body === undefined ? {} : { 'content-type': 'application/json' };
      const init = {
        method,
        headers: { accept: 'application/json, text/event-stream', ...json, ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      };
      if (listener === 'admin') return unix.fetch(path, init);
      return fetch((listener === 'http' ? http : ops).url + path, init);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function identityConfig({ issuer, jwksUrl }: IdentityProvider): Config {
  const names = {
    scopePrefix: '',
    scopeClaim: '',
    rootClaim: 'root',
    root: '',
    policyClaim: 'policy',
    groupsClaim: '',
  };
  const cloud = { cloudConsent: false, cloudBudgetUsd: 0 };
  const times = { clockToleranceMs: 0, jwksGraceMs: 0 };
  const jwt = {
    issuer,
    audience: AUDIENCE,
    jwksUrl,
    algorithms: ['RS256'],
    policiesFile: '',
    ...names,
    ...cloud,
    ...times,
  };
  return { jwt } as unknown as Config;
}

async function tokenOf(provider: IdentityProvider, caller: Caller, more: JWTPayload = {}): Promise<string> {
  const { shows, name, scopes = [], root = 'default', policy = {} } = caller;
  const claims = { sub: name, scope: scopes.join(' '), root, policy, ...more };
  const wrong = {
    'expired token': { exp: 1 },
    'token for another service': { aud: 'https://other.example/mcp' },
    'token without a signature': {},
  };
  const sub = Object.hasOwn(wrong, shows) ? wrong[shows as keyof typeof wrong] : {};
  const signed = await provider.sign({ claims: { ...claims, ...sub } });
  if (shows !== 'token without a signature') return signed;
  const [, body = ''] = signed.split('.');
  return forge({ alg: 'none' }, JSON.parse(Buffer.from(body, 'base64url').toString()) as object);
}

function plantNotes(directory: string): void {
  mkdirSync(join(directory, 'projects'), { recursive: true });
  rmSync(join(directory, 'new.md'), { force: true });
  writeFileSync(join(directory, 'user.md'), `# Kim\n\n- ${HIDDEN_WORD} whales\n`);
  writeFileSync(join(directory, `${HIDDEN_WORD}.md`), '# Hidden by its name too\n\nwhales\n');
  writeFileSync(join(directory, 'projects/ark.md'), '# Ark\n\nwhales, [[user]]\n');
}
