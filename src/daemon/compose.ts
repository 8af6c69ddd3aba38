// The composition root: every part of the daemon is built here, once, from top to bottom, and closed in reverse.
// Guarantees: the state directory is locked before anything in it is opened, and audit and SQLite close last.
import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConfigDiff } from '../config/diff-config.ts';
import type { SecurityFact } from '../audit/security-log.ts';
import { isLoopback } from '../config/listen-address.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import { createAdminApp } from '../http/admin/admin-app.ts';
import { createHttpApps } from '../http/http-apps.ts';
import { systemClock, type Clock } from '../lib/clock.ts';
import { INDEX_SCHEMA } from '../memory/index-database.ts';
import { createSandbox } from '../sandbox/create-sandbox.ts';
import { openIndexStore } from '../store/index-store.ts';
import { lockState } from '../store/state-lock.ts';
import { createEvents } from '../telemetry/events.ts';
import type { RootLogger } from '../telemetry/create-logger.ts';
import { createMetrics } from '../telemetry/metrics-registry.ts';
import { openTracer } from '../telemetry/tracer.ts';
import { createAdminPorts } from './admin-ports.ts';
import { auditedReload } from './audited-reload.ts';
import { createFiltersPort } from './filters-port.ts';
import { startFollowingLegacyFiles } from './follow-legacy-files.ts';
import { createHttpPorts } from './http-ports.ts';
import { observeSandbox } from './observe-sandbox.ts';
import { createDaemonState } from './daemon-state.ts';
import { createHealthBoard } from './health-board.ts';
import { createHealthProbes } from './health-probes.ts';
import { startIdleExit } from './idle-exit.ts';
import { openAgent } from './open-agent.ts';
import { collectDaemon, startQueueSamples } from './measure-daemon.ts';
import { createModelsPort } from './models-port.ts';
import { openBudgets } from './open-budgets.ts';
import { openCloud } from './open-cloud.ts';
import { openModels } from './open-models.ts';
import { openSecurity } from './open-security.ts';
import { openModelWorker } from './open-model-worker.ts';
import { openIdentity } from './open-identity.ts';
import { openListeners, type Listeners } from './open-listeners.ts';
import { openRoots } from './open-roots.ts';
import { createReloadableConfig } from './reloadable-config.ts';
import { createRunningPorts } from './running-ports.ts';
import type { SdNotify } from './sd-notify.ts';
import type { Heart } from './service-report.ts';
import { signedCheckpoints } from './signed-checkpoints.ts';
import { describeStatus } from './status-line.ts';
import { openUpkeep } from './open-upkeep.ts';
import { openStoreParts, type StoreParts } from './store-parts.ts';
import { createRefusedCalls } from '../usage/refused-calls.ts';
import { tidyIndex } from './tidy-index.ts';
import { readVersion } from './version.ts';

export interface Daemon extends AsyncDisposable {
  readonly logger: RootLogger;
  readonly parts: StoreParts;
  readonly listeners: Listeners;
  /** True when the daemon ends for a fault of its own. */
  readonly failed: boolean;
  /** True when only this machine can reach the listeners: the condition for first keys. */
  readonly isPrivate: boolean;
  /** The parts that must never stand still, for the watchdog. */
  readonly hearts: readonly Heart[];
  /** How it is, in one line. */
  describe(): string;
  readonly drainTimeoutMs: number;
  /** Resolves with the reason when the daemon itself wants to end: a drain, no client left, a database it can't trust. */
  readonly stopWanted: Promise<string>;
  reload(load: () => LoadedConfig): Promise<ConfigDiff>;
  /** Readiness off, stop accepting, finish what is in flight. */
  stop(reason: string): Promise<void>;
}

export interface DaemonOptions {
  loaded: LoadedConfig;
  logger: RootLogger;
  /** Loads the configuration again for `config reload`. */
  reload(): LoadedConfig;
  /** Told of each reload. */
  notify?: SdNotify;
  clock?: Clock;
}

/** As long as a drain waits for the request of a connection that it found without one. */
const LAST_QUESTION_MS = 1000;

export async function openDaemon(options: DaemonOptions): Promise<Daemon> {
  const { loaded, logger, clock = systemClock } = options;
  const { config } = loaded;
  await using stack = new AsyncDisposableStack();
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);
  const wantStop = Promise.withResolvers<string>();
  let failed = false;

  const version = readVersion();
  const metrics = stack.use(createMetrics({ buildInfo: { version, commit: 'unknown', node: process.version }, clock }));
  const events = createEvents(logger, metrics);
  const tracer = stack.use(
    await openTracer({
      endpoint: config.telemetry.otlpEndpoint,
      token: config.telemetry.otlpToken,
      ratio: config.telemetry.traceRatio,
      version,
      logger,
    }),
  );
  const state = createDaemonState(clock, (name, reason) =>
    events.daemonState(reason === undefined ? { state: name } : { state: name, reason }),
  );
  for (const warning of loaded.warnings) logger.warn({ component: 'config' }, warning);

  // State: the lock first, then what is of record.
  stack.use(lockState(config.state.dir));
  const foundAtStart: SecurityFact[] = [];
  const parts = stack.use(
    await openStoreParts({
      stateDirectory: config.state.dir,
      auditContent: config.audit.content,
      clock,
      checkpoints: signedCheckpoints(config, events, (fact) => foundAtStart.push(fact)),
      onWriteError: (error, fatal) => {
        events.auditUnavailable({ reason: error.message });
        if (!fatal) return;
        failed = true;
        wantStop.resolve('the database failed in a way that cannot be trusted to continue');
      },
      onAuditRecord: () => metrics.auditRecords(1),
      onAuditProblem: (error) => logger.error({ component: 'audit', code: error.code }, error.userMessage),
    }),
  );
  const finding = parts.audit.finding();
  metrics.setAuditChainValid(finding === undefined);
  const security = stack.use(openSecurity(parts.audit, events, clock));
  for (const fact of foundAtStart) security.log.report(fact);
  // Its record is the chain's own first one.
  if (finding !== undefined) security.log.tell({ event: 'chain_broken', details: { finding } });

  // Memory: the default root and those of memory.roots.
  const indexStore = stack.use(openIndexStore({ directory: config.state.dir, schema: INDEX_SCHEMA }));
  const noteListeners: ((root: string, paths: readonly string[]) => void)[] = [];
  const roots = stack.use(
    openRoots({
      config,
      indexDatabase: indexStore.db,
      clock,
      onEvent: (root, event) => {
        if (event.type === 'note.changed') for (const listener of noteListeners) listener(root, [event.path]);
        else logger.info({ component: 'memory', root, ...event }, 'memory index');
      },
    }),
  );

  tidyIndex(indexStore.db, roots.names, logger);

  // The agent: who answers, where its Python runs, and the loop between them.
  const sandbox = stack.use(
    createSandbox({
      require: config.sandbox.require,
      engine: config.sandbox.engine,
      python: config.sandbox.python,
      socket: config.sandbox.socket,
      standby: config.sandbox.standby,
      maxProcesses: config.sandbox.maxProcesses,
      memoryBytes: config.sandbox.memoryBytes,
      rssLimitBytes: config.sandbox.rssLimitBytes,
      outputBytes: config.sandbox.outputBytes,
      cacheDirectory: join(config.state.dir, 'sandbox'),
      onEvent: (event) => observeSandbox(event, logger, events, security.log),
    }),
  );
  const modelWorker = stack.use(openModelWorker(config, { clock, logger, metrics }));
  const settings = createReloadableConfig(loaded, {
    logger,
    events,
    notify: options.notify,
    async apply(next) {
      modelWorker.reload(next);
      if (await roots.moveDefaultTo(next.memory.dir)) for (const listener of noteListeners) listener('default', []);
    },
  });
  const reload = (load: () => LoadedConfig): Promise<ConfigDiff> =>
    settings.reload(load, (effect) => auditedReload(security.audit, clock, effect));
  const legacyFiles = stack.use(
    startFollowingLegacyFiles({
      loaded: () => settings.loaded,
      reload: () => reload(options.reload),
      onProblem: ({ code, userMessage }) =>
        logger.error({ code, reason: userMessage }, 'configuration not reloaded, the old one stays'),
      clock,
    }),
  );
  stack.use(openUpkeep({ settings, parts, events, logger, clock }));
  const { worker } = modelWorker;
  const budgets = openBudgets({ db: parts.core.db, audit: parts.audit, security: security.log, metrics, clock });
  const cloud = openCloud({ settings, budgets, security: security.log, metrics });
  const models = openModels(settings, { clock, logger, metrics, worker, guard: cloud.guard }, stack);
  const backend = models.router;
  const agent = stack.use(
    openAgent({ settings, backend, sandbox, roots, cloud, clock, events, security: security.log, tracer }),
  );

  // Who may call, and what listens.
  const idle = stack.use(
    startIdleExit({
      idleExitMs: config.daemon.idleExitMs,
      clock,
      onIdle: () => wantStop.resolve('no client for a while'),
    }),
  );
  const board = createHealthBoard(
    createHealthProbes({ parts, settings, roots, sandbox, backend, worker, agent }),
    clock,
  );
  const identity = openIdentity(config, clock, logger);
  const refusedCalls = stack.use(createRefusedCalls({ db: parts.core.db, groupCommit: parts.groupCommit, clock }));
  const ports = createHttpPorts({
    identity,
    refusedCalls,
    settings,
    parts,
    roots,
    agent,
    budgets,
    cloud,
    board,
    metrics,
    events,
    state,
    security,
    clock,
    logger,
    tracer,
    onActivity: () => idle.touch(),
    catchUp: () => legacyFiles.catchUp(),
  });
  let listeners: Listeners | undefined;
  collectDaemon(
    {
      board,
      roots,
      agent,
      audit: parts.audit,
      verifyIntervalHours: () => settings.config.audit.verifyIntervalHours,
      sandbox,
      listeners: () => listeners,
      places: () => ({ state: config.state.dir, memory: settings.config.memory.dir }),
    },
    metrics,
  );
  stack.use(startQueueSamples(agent, metrics));
  const adminApp = createAdminApp(
    createAdminPorts({
      version,
      clock,
      rootNames: roots.names,
      parts,
      audit: security.audit,
      loaded: () => settings.loaded,
      health: () => board.components(),
      state: () => state.current,
      listeners: () => listenerUrls(listeners),
      startedAtMs: clock.nowMs(),
      worker,
      models: createModelsPort(models),
      filters: createFiltersPort({ loaded: () => settings.loaded, onPrivacyRules: () => cloud.reloadRules() }),
      roots: async () => roots.all(),
      onUnrecordedRead: ({ action, ...by }) =>
        security.log.report({ event: 'audit_read_unrecorded', ...by, details: { action } }),
      onAuditVerified: ({ ok, records, reason }) =>
        events.auditChainChecked({ valid: ok, records, ...(reason !== undefined && { reason }) }),
      running: createRunningPorts({
        settings,
        load: options.reload,
        logger,
        agent,
        metrics,
        idle,
        closing: stopping.signal,
        drain: (reason) => wantStop.resolve(reason),
      }),
    }),
  );
  const apps = createHttpApps(
    ports,
    {
      version,
      allowedHosts: config.http.allowedHosts,
      allowedOrigins: config.http.allowedOrigins,
      trustedProxies: config.http.trustedProxies,
      maxBodyBytes: config.http.maxBodyBytes,
      protectedResource: identity?.protectedResource,
      ...(config.http.legacySessions && { legacySessions: {} }),
    },
    adminApp,
  );
  parts.keys.onChange(() => apps.callers.look());
  noteListeners.push((root, paths) => apps.mcp.notifyNotesChanged(paths, true, root));
  const opened = await openListeners(apps, config, parts.keys.list().length > 0, stack);
  listeners = opened;

  roots.start();
  sandbox.start();
  worker?.start();
  // The first look starts the clock of "since when".
  board.components();
  state.enter('ready');
  const owned = stack.move();
  let stopped: Promise<void> | undefined;

  async function stop(reason: string): Promise<void> {
    state.enter('draining', reason);
    const deadlineMs = settings.config.daemon.drainTimeoutMs;
    // From here on who connects is the next daemon's to answer, where systemd holds the socket.
    const open = [opened.http, opened.ops, opened.admin];
    const closed = Promise.all(open.map(async (listener) => listener?.drain(deadlineMs)));
    stopping.abort();
    await apps.mcp.endStreams();
    // Who has connected before may still ask: the listeners give it a second.
    await Promise.race([closed, sleep(LAST_QUESTION_MS, undefined, { ref: false })]);
    await Promise.all([agent.drain(deadlineMs), closed]);
    await apps.mcp.close();
    await owned.disposeAsync();
    state.enter(failed ? 'failed' : 'stopped');
  }

  return {
    logger,
    parts,
    listeners: opened,
    get failed() {
      return failed;
    },
    isPrivate: [opened.http, opened.ops].every((listener) => listener?.addresses.every(isLoopback) ?? true),
    hearts: [
      { name: 'the database writer', beat: () => parts.groupCommit.enqueue(() => parts.core.probeWrite()) },
      ...(modelWorker.heart === null ? [] : [modelWorker.heart]),
    ],
    describe: () => describeStatus(state.current, board.components()),
    get drainTimeoutMs() {
      return settings.config.daemon.drainTimeoutMs;
    },
    stopWanted: wantStop.promise,
    reload,
    stop: (reason) => (stopped ??= stop(reason)),
    [Symbol.asyncDispose]: () => (stopped ??= stop('closed')),
  };
}

function listenerUrls(listeners: Listeners | undefined): Record<string, string> {
  if (listeners === undefined) return {};
  const { http, ops, admin } = listeners;
  return { ...(http !== undefined && { http: http.url }), ops: ops.url, admin: admin.url };
}
