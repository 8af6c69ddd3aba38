// Refuses who calls too often, and tells everybody with a limit where they stand: `RateLimit-Policy` and `RateLimit` as
// draft-ietf-httpapi-ratelimit-headers-10 has them, on refusals and on answers alike.
import { rateLimited, type Allowance } from '../../auth/rate-limits.ts';
import type { AppError } from '../../lib/app-error.ts';
import { setResponseHeader, type HttpContext } from '../env.ts';
import type { HttpPorts } from '../ports.ts';

export type RateLimitPorts = Pick<HttpPorts, 'limits' | 'onLimited'>;

/** Counts a request of the caller in the context; the error to answer with, or null. */
export async function requestRefusal(c: HttpContext, ports: RateLimitPorts): Promise<AppError | null> {
  return judge(c, ports, await ports.limits.request(c.get('principal')));
}

/** The same for a call of one tool. */
export async function toolCallRefusal(c: HttpContext, ports: RateLimitPorts, tool: string): Promise<AppError | null> {
  return judge(c, ports, await ports.limits.toolCall(c.get('principal'), tool));
}

/** Counts a failed authentication of the client's address. */
export async function authFailureRefusal(c: HttpContext, ports: RateLimitPorts): Promise<AppError | null> {
  return judge(c, ports, await ports.limits.authFailure(c.get('clientAddress')));
}

function judge(c: HttpContext, ports: RateLimitPorts, allowance: Allowance | null): AppError | null {
  if (allowance === null) return null;
  const standing = [...(c.get('allowances') ?? []), allowance];
  c.set('allowances', standing);
  setResponseHeader(c, 'ratelimit-policy', standing.map(policyItem).join(', '));
  setResponseHeader(c, 'ratelimit', standing.map(serviceItem).join(', '));
  if (!allowance.isExceeded) return null;
  ports.onLimited({
    limit: allowance.limit,
    ...(allowance.tool !== undefined && { tool: allowance.tool }),
    ...(allowance.limit === 'auth_failures' ? { address: c.get('clientAddress') } : { principal: c.get('principal') }),
    requestId: c.get('requestId'),
  });
  return rateLimited(allowance);
}

/** Tools are known by name when they are counted, so the name needs no escaping. */
function nameOf({ limit, tool }: Allowance): string {
  return tool === undefined ? `"${limit}"` : `"${limit}:${tool}"`;
}

function policyItem(allowance: Allowance): string {
  return `${nameOf(allowance)};q=${allowance.quota};w=${allowance.windowS}`;
}

function serviceItem(allowance: Allowance): string {
  return `${nameOf(allowance)};r=${allowance.remaining};t=${allowance.resetS}`;
}
