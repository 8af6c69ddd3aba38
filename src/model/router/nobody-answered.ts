// The one error for a turn that no route could answer: each route with its reason, and when it is worth to ask again.
// Guarantee: a fault that only the operator can mend (a wrong key, a wrong address) is shown as it is, not as "unavailable".
import { AppError } from '../../lib/app-error.ts';
import type { Route } from './route.ts';
import type { Failure } from './routed-turn.ts';

const DEFAULT_RETRY_S = 5;

export function nobodyAnswered(routes: readonly Route[], failures: readonly Failure[]): AppError {
  const errors = routes.flatMap((route) => {
    const error = failures.find((failure) => failure.route === route)?.error ?? whyNotAsked(route);
    return error === null ? [] : [{ route, error }];
  });
  const unavailable = errors.filter(({ error }) => error.code !== 'MODEL_FAILED' && error.code !== 'MODEL_PROTOCOL');
  const [first] = errors;
  if (first !== undefined && unavailable.length === 0) return first.error;
  const retryAfterS = retryAfter(routes);
  const message =
    errors.length === 1 && first !== undefined
      ? first.error.message
      : `No model can answer now: ${errors.map(({ route, error }) => `${route.name}: ${error.message}`).join('; ')}`;
  return new AppError('MODEL_UNAVAILABLE', message, {
    hint: `Try again in ${retryAfterS} s; "mem-agent models list" says how each of them is`,
    retryAfterS,
    cause: first?.error,
  });
}

/** For a run that has changed notes: whoever started it again from its question would change them twice. */
export function brokenAfterWrite(error: AppError): AppError {
  return new AppError('MODEL_UNAVAILABLE', `The model went away after the run had changed notes. ${error.message}`, {
    hint: `What it wrote is kept. Ask again in ${error.retryAfterS ?? DEFAULT_RETRY_S} s, and say what is still missing`,
    ...(error.retryAfterS !== undefined && { retryAfterS: error.retryAfterS }),
    cause: error,
  });
}

function whyNotAsked(route: Route): AppError | null {
  const now = route.availability();
  if (now.state === 'not_ready') return new AppError('MODEL_UNAVAILABLE', `not ready: ${now.reason}`);
  return route.lastFailure;
}

/** The soonest that one of them may answer. */
function retryAfter(routes: readonly Route[]): number {
  const waitsMs = routes.flatMap((route) => {
    const now = route.availability();
    return 'retryInMs' in now ? [now.retryInMs] : [];
  });
  return waitsMs.length === 0 ? DEFAULT_RETRY_S : Math.max(1, Math.ceil(Math.min(...waitsMs) / 1000));
}
