// What an operator's command needs when no daemon runs: the store under the state lock, behind the same admin app.
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadedConfig } from '../config/load-config.ts';
import { parseRootEntries } from '../config/root-entry.ts';
import { createOfflineAdminApp } from '../http/admin/admin-app.ts';
import type { AdminPorts } from '../http/admin/admin-ports.ts';
import type { AdminApp } from '../http/admin/admin-route.ts';
import { systemClock } from '../lib/clock.ts';
import { INDEX_SCHEMA } from '../memory/index-database.ts';
import { connectWorker } from '../worker/connect-worker.ts';
import type { Worker } from '../worker/worker.ts';
import { openIndexStore } from '../store/index-store.ts';
import { lockState } from '../store/state-lock.ts';
import { createAdminPorts } from './admin-ports.ts';
import { createFiltersPort } from './filters-port.ts';
import { openRoots, type Roots } from './open-roots.ts';
import { openStoreParts } from './store-parts.ts';
import { readVersion } from './version.ts';

const WORKER_WAIT_MS = 2000;
const WORKER_POLL_MS = 5;

export interface OfflineAdmin extends AsyncDisposable {
  app: AdminApp;
}

/** Throws `STATE_LOCKED` if a daemon holds the state directory after all. */
export async function openOffline(loaded: LoadedConfig): Promise<OfflineAdmin> {
  await using stack = new AsyncDisposableStack();
  const { config } = loaded;
  stack.use(lockState(config.state.dir));
  const parts = stack.use(
    await openStoreParts({
      stateDirectory: config.state.dir,
      auditContent: config.audit.content,
      clock: systemClock,
      // The command itself fails with the error; there is nobody else to tell.
      onWriteError: () => undefined,
      onAuditRecord: () => undefined,
      onAuditProblem: () => undefined,
    }),
  );
  const owned = new AsyncDisposableStack();
  const app = createOfflineAdminApp(
    createAdminPorts({
      version: readVersion(),
      clock: systemClock,
      rootNames: ['default', ...parseRootEntries(config.memory.roots).map(({ name }) => name)],
      parts,
      loaded: () => loaded,
      health: () => ({}),
      state: () => 'stopped',
      listeners: () => ({}),
      startedAtMs: null,
      worker: await findWorkerProcess(loaded, stack),
      filters: createFiltersPort({ loaded: () => loaded }),
      roots: createOfflineRoots(loaded, owned),
      running: null,
    }),
  );
  owned.use(stack.move());
  return { app, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** The notes are opened by the first command that asks for them; most never do. */
function createOfflineRoots({ config }: LoadedConfig, owned: AsyncDisposableStack): AdminPorts['roots'] {
  let roots: Roots | undefined;
  return async () => {
    const open = (): Roots => {
      const { db } = owned.use(openIndexStore({ directory: config.state.dir, schema: INDEX_SCHEMA }));
      return owned.use(openRoots({ config, indexDatabase: db, clock: systemClock, onEvent: () => undefined }));
    };
    roots ??= open();
    return roots.all();
  };
}

/** A worker in a process of its own can be seen and steered without a daemon; any other needs one. */
async function findWorkerProcess({ config }: LoadedConfig, stack: AsyncDisposableStack): Promise<Worker | null> {
  const { profile, supervisor, socket } = config.worker;
  if (profile === 'none' || supervisor !== 'process') return null;
  const worker = stack.use(connectWorker({ name: 'worker', profile, socketPath: socket, clock: systemClock }));
  worker.start();
  const deadline = performance.now() + WORKER_WAIT_MS;
  while (worker.status().state === 'starting' && performance.now() < deadline) await sleep(WORKER_POLL_MS);
  return worker;
}
