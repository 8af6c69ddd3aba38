// What every admin route has in common: its scope, its JSON answer and its error answers, said once for code and OpenAPI.
import { OpenAPIHono, z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import type { Scope } from '../../auth/principal.ts';
import { AppError } from '../../lib/app-error.ts';
import type { HttpEnv } from '../env.ts';
import { insufficientScope } from '../middleware/authenticate.ts';
import { problemResponse } from '../errors.ts';

export type AdminApp = OpenAPIHono<HttpEnv>;

const problem = z
  .object({
    type: z.string().openapi({ example: 'urn:mem-agent:problem:not-found' }),
    title: z.string(),
    status: z.number(),
    /** What is wrong this time. */
    detail: z.string(),
    code: z.string().openapi({ example: 'NOT_FOUND' }),
    /** What the reader can do about it. */
    hint: z.string().optional(),
    requestId: z.string(),
  })
  .openapi('Problem');
const problemContent = { 'application/problem+json': { schema: problem } };

const PROBLEM_RESPONSES = {
  400: { description: 'The input is wrong', content: problemContent },
  401: { description: 'No valid key', content: problemContent },
  403: { description: 'The key lacks the scope', content: problemContent },
  429: { description: 'Too much for now; Retry-After says when again', content: problemContent },
  503: { description: 'The audit cannot be written, or the daemon drains; nothing was done', content: problemContent },
} as const;

/** What a route wants of its caller, for the guard and for OpenAPI at once; spread into `createRoute`. */
export function needs(...scopes: readonly Scope[]): {
  middleware: MiddlewareHandler<HttpEnv>;
  security: { [SECURITY_SCHEME]: string[] }[];
} {
  return { middleware: requireScope(...scopes), security: [{ [SECURITY_SCHEME]: [...scopes] }] };
}

export const SECURITY_SCHEME = 'apiKey';

/** Throws UNAUTHENTICATED when no guard in front has set a caller: the admin app is never open by mistake. */
function requireScope(...scopes: readonly Scope[]): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const principal: HttpEnv['Variables']['principal'] | undefined = c.get('principal');
    if (principal === undefined)
      throw new AppError('UNAUTHENTICATED', 'A valid API key is needed', {
        hint: 'Send "Authorization: Bearer mema_…"',
      });
    if (!scopes.every((scope) => principal.scopes.has(scope))) return insufficientScope(c, scopes);
    return next();
  };
}

/** The `responses` of a route that answers JSON. */
export function answers<S extends z.ZodType>(
  schema: S,
  description: string,
): typeof PROBLEM_RESPONSES & { 200: { description: string; content: { 'application/json': { schema: S } } } } {
  return { 200: { description, content: { 'application/json': { schema } } }, ...PROBLEM_RESPONSES };
}

/** The `responses` of a route that answers line by line, or as JSON when that is asked for; the handler makes its own Response. */
export function streams(
  mediaType: string,
  description: string,
  json?: z.ZodType,
): typeof PROBLEM_RESPONSES & { 200: { description: string } } {
  const content = {
    ...(json !== undefined && { 'application/json': { schema: json } }),
    [mediaType]: { schema: z.string() },
  };
  return { 200: Object.assign({ description }, { content }), ...PROBLEM_RESPONSES };
}

/** An app whose input errors are answered as everything else is: a code and what to do. */
export function createAdminRouter(): AdminApp {
  return new OpenAPIHono<HttpEnv>({
    defaultHook: (result, c) => {
      if (result.success) return undefined;
      const faults = result.error.issues
        .slice(0, 5)
        .map((issue) => `${issue.path.join('.') || 'input'}: ${issue.message}`.slice(0, 200));
      const error = new AppError('INVALID_INPUT', faults.join('; '), {
        hint: 'Correct what is named; /admin/v1/openapi.json, or --help of the command, says what may stand there',
      });
      return problemResponse(error, c.get('requestId'));
    },
  });
}

export const isoTime = z.string().openapi({ format: 'date-time' });

export function toIso(timeMs: number | null): string | null {
  return timeMs === null ? null : new Date(timeMs).toISOString();
}
