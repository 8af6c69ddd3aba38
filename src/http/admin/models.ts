// /models: who may answer, in the order they are asked, and a tiny question to each to see that it does.
// Guarantee: one backend that is slow or down does not keep the others from being shown.
import { createRoute, z } from '@hono/zod-openapi';
import { AppError, toAppError } from '../../lib/app-error.ts';
import { answers, createAdminRouter, needs, type AdminApp } from './admin-route.ts';
import type { AdminPorts, BackendInfo, ModelsPort } from './admin-ports.ts';
import { audited, requireRunning } from './audited.ts';

/** Longer than any list of models takes, short enough to wait for at a terminal. */
const LIST_TIMEOUT_MS = 5000;
/** A model that was put to sleep is woken by the question. */
const TEST_TIMEOUT_MS = 120_000;
const TEXT_START_CHARS = 200;

const problem = z.object({ code: z.string(), message: z.string(), hint: z.string().optional() });
const backend = z
  .object({
    name: z.string(),
    priority: z.number(),
    trust: z.enum(['local', 'cloud']),
    state: z.enum(['ok', 'degraded', 'failed']),
    reason: z.string(),
    breaker: z.enum(['closed', 'open', 'half-open']).nullable(),
    requestsRunning: z.number(),
    models: z.array(z.string()).readonly(),
    /** Why its models could not be listed. */
    error: problem.optional(),
  })
  .openapi('Backend');
const tested = z
  .object({
    name: z.string(),
    ok: z.boolean(),
    model: z.string().optional(),
    durationMs: z.number(),
    timeToFirstTokenMs: z.number().optional(),
    inputTokens: z.number().optional(),
    outputTokens: z.number().optional(),
    costUsd: z.number().optional(),
    /** How its answer begins. */
    text: z.string().optional(),
    error: problem.optional(),
  })
  .openapi('BackendTest');

export function createModelsRoutes(ports: AdminPorts): AdminApp {
  const app = createAdminRouter();
  app.openapi(
    createRoute({
      method: 'get',
      path: '/models',
      summary: 'Who may answer',
      ...needs('admin:read'),
      responses: answers(z.array(backend), 'Every backend and the models it offers'),
    }),
    async (c) => {
      requireRunning(ports);
      const rows = ports.models.list().map((info) => describe(ports.models, info, c.req.raw.signal));
      return c.json(await Promise.all(rows), 200);
    },
  );

  const testBody = z.strictObject({ name: z.string().min(1).max(200).optional() });
  app.openapi(
    createRoute({
      method: 'post',
      path: '/models/test',
      summary: 'Ask the models a tiny question',
      ...needs('admin:write'),
      request: { body: { required: true, content: { 'application/json': { schema: testBody } } } },
      responses: answers(z.array(tested), 'What each backend, or the named one, made of a tiny question'),
    }),
    async (c) => {
      requireRunning(ports);
      const { name } = c.req.valid('json');
      const names = ports.models.list().map((info) => info.name);
      if (name !== undefined && !names.includes(name))
        throw new AppError('NOT_FOUND', `There is no backend "${name}"`, {
          hint: names.length === 0 ? 'None is configured' : `There are: ${names.join(', ')}`,
        });
      const asked = name === undefined ? names : [name];
      const results = await audited(c, ports, {
        action: 'model.test',
        args: { backends: asked },
        effect: () => Promise.all(asked.map((each) => test(ports, each, c.req.raw.signal))),
      });
      return c.json(results, 200);
    },
  );
  return app;
}

async function describe(models: ModelsPort, info: BackendInfo, gone: AbortSignal): Promise<z.infer<typeof backend>> {
  try {
    const signal = AbortSignal.any([gone, AbortSignal.timeout(LIST_TIMEOUT_MS)]);
    const names = await orAborted(models.listModels(info.name, signal), signal);
    return { ...info, models: names };
  } catch (error) {
    return { ...info, models: [], error: problemOf(error) };
  }
}

async function test(ports: AdminPorts, name: string, gone: AbortSignal): Promise<z.infer<typeof tested>> {
  const startedMs = ports.clock.monotonicMs();
  try {
    const signal = AbortSignal.any([gone, AbortSignal.timeout(TEST_TIMEOUT_MS)]);
    const { text, ...facts } = await orAborted(ports.models.test(name, signal), signal);
    return { name, ok: true, ...facts, text: text.trim().slice(0, TEXT_START_CHARS) };
  } catch (error) {
    return { name, ok: false, durationMs: ports.clock.monotonicMs() - startedMs, error: problemOf(error) };
  }
}

/** A backend that does not obey its signal is not waited for. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** An abort of ours reads as one: the caller has gone, or the backend took too long. */
function problemOf(thrown: unknown): z.infer<typeof problem> {
  const isTimeout = thrown instanceof Error && thrown.name === 'TimeoutError';
  const error = isTimeout
    ? new AppError('MODEL_UNAVAILABLE', 'It did not answer in time', { hint: 'See: mem-agent worker status' })
    : toAppError(thrown);
  return { code: error.code, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) };
}
