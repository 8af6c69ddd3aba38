// A path that is served, but not with this method: 405 with the methods it takes (RFC 9110, 15.5.6). It looks only at what would be
// 404, behind the guards, so that who has no key learns nothing.
import type { Hono, MiddlewareHandler } from 'hono';
import { methodNotAllowed as honoMethodNotAllowed } from 'hono/method-not-allowed';
import { AppError } from '../../lib/app-error.ts';
import type { HttpEnv } from '../env.ts';
import { problemResponse } from '../errors.ts';

export function methodNotAllowed(app: Hono<HttpEnv>): MiddlewareHandler<HttpEnv> {
  return honoMethodNotAllowed<HttpEnv>({
    app,
    onMethodNotAllowed(c, methods) {
      const error = new AppError('METHOD_NOT_ALLOWED', 'This path does not take this method', {
        hint: `Use ${methods.join(', ')}`,
      });
      return problemResponse(error, c.get('requestId'), { allow: methods.join(', ') });
    },
  });
}
