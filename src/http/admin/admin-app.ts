// The admin API's route table, mounted at /admin/v1 by the listeners and called in process by the CLI without a daemon.
// Each resource is a file; each route asks for a scope, and nothing runs without a caller.
import { randomUUID } from 'node:crypto';
import { HTTPException } from 'hono/http-exception';
import { localPrincipal } from '../../auth/principal.ts';
import { AppError } from '../../lib/app-error.ts';
import { answerError, problemResponse } from '../errors.ts';
import { createAdminRouter, type AdminApp } from './admin-route.ts';
import type { AdminPorts } from './admin-ports.ts';
import { createAuditRoutes } from './audit.ts';
import { createConfigRoutes } from './config.ts';
import { createEventsRoutes } from './events.ts';
import { createFiltersRoutes } from './filters.ts';
import { idempotency } from './idempotency.ts';
import { createKeysRoutes } from './keys.ts';
import { createLeasesRoutes } from './leases.ts';
import { createLogLevelRoutes } from './log-level.ts';
import { createModelsRoutes } from './models.ts';
import { createNotesRoutes } from './notes.ts';
import { openApiDocument, type OpenApiDocument } from './openapi-document.ts';
import { createRootsRoutes } from './roots.ts';
import { createRunsRoutes } from './runs.ts';
import { createStatusRoutes } from './status.ts';
import { createUsageRoutes } from './usage.ts';
import { createWorkerRoutes } from './worker.ts';

export interface AdminAppOptions {
  /** Told of every answer of 500 and above. */
  onServerError?(error: AppError, requestId: string): void;
}

export function createAdminApp(ports: AdminPorts, options: AdminAppOptions = {}): AdminApp {
  const app = createAdminRouter();
  mountRoutes(app, ports, options);
  return app;
}

/** For the CLI without a daemon: the caller is the operator, whose right is that the store could be opened. */
export function createOfflineAdminApp(ports: AdminPorts, options: AdminAppOptions = {}): AdminApp {
  const app = createAdminRouter();
  app.use(async (c, next) => {
    c.set('requestId', randomUUID());
    c.set('principal', localPrincipal);
    c.set('transport', 'socket');
    await next();
  });
  mountRoutes(app, ports, options);
  return app;
}

function mountRoutes(app: AdminApp, ports: AdminPorts, options: AdminAppOptions): void {
  app.use(idempotency(ports));
  const resources = [
    createKeysRoutes,
    createAuditRoutes,
    createUsageRoutes,
    createConfigRoutes,
    createLogLevelRoutes,
    createStatusRoutes,
    createLeasesRoutes,
    createWorkerRoutes,
    createModelsRoutes,
    createRunsRoutes,
    createRootsRoutes,
    createNotesRoutes,
    createEventsRoutes,
    createFiltersRoutes,
  ];
  for (const create of resources) app.route('/', create(ports));
  let document: OpenApiDocument | undefined;
  app.get('/openapi.json', (c) => c.json((document ??= openApiDocument(app, ports.version))));
  app.onError((error, c) =>
    answerError(asInputError(error), c, (appError, requestId) => options.onServerError?.(appError, requestId)),
  );
  app.notFound((c) =>
    problemResponse(
      new AppError('NOT_FOUND', 'The admin API has no such route', { hint: 'See /admin/v1/openapi.json' }),
      c.get('requestId'),
    ),
  );
}

/** Hono's own errors of a body that is no JSON, or does not say so as Hono reads it, so that they have a code and a hint as well. */
function asInputError(error: Error): Error {
  if (!(error instanceof HTTPException)) return error;
  if (error.status === 415) {
    return new AppError('UNSUPPORTED_MEDIA_TYPE', 'The body must be JSON', {
      hint: 'Send Content-Type: application/json',
      cause: error,
    });
  }
  if (error.status !== 400) return error;
  return new AppError('INVALID_INPUT', 'The body is not valid JSON', {
    hint: 'Correct what is named; /admin/v1/openapi.json, or --help of the command, says what may stand there',
    cause: error,
  });
}
