// How often a caller may call within a minute, and how often an address may fail to say who it is. In memory: a restart
// begins anew. Guarantees: a window ends after a minute of the monotonic clock at the latest, so that a jump of the wall
// clock opens at most one more; memory is bounded whatever addresses come.

import { randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { AppError } from '../lib/app-error.ts';
import { addressBlock } from './address-block.ts';
import { accountOf, type Principal } from './principal.ts';

export const RATE_LIMITS = ['requests', 'tool_calls', 'auth_failures'] as const;
export type RateLimitName = (typeof RATE_LIMITS)[number];

/** Where a caller stands in one of its limits, this call counted. */
export interface Allowance {
  limit: RateLimitName;
  /** The tool, if the limit is of one. */
  tool?: string;
  quota: number;
  windowS: number;
  remaining: number;
  resetS: number;
  isExceeded: boolean;
}

export interface RateLimitsOptions {
  /** 0: never. Read at each failure, so that a reload counts at once. */
  authFailuresPerMinute(): number;
}

/** Each call counts; null where no limit is set. */
export interface RateLimits {
  request(principal: Principal): Promise<Allowance | null>;
  toolCall(principal: Principal, tool: string): Promise<Allowance | null>;
  authFailure(address: string): Promise<Allowance | null>;
}

const WINDOW_S = 60;
/** Addresses share this many counters; two that meet in one are refused a little early, and only while they fail. */
const ADDRESS_COUNTERS = 65_536;

export function createRateLimits({ authFailuresPerMinute }: RateLimitsOptions): RateLimits {
  // The limit differs from caller to caller, so the library counts and the comparison is ours.
  const counter = new RateLimiterMemory({ points: 1, duration: WINDOW_S });
  const salt = randomInt(2 ** 32 - 1);

  async function take(
    limit: RateLimitName,
    quota: number | undefined,
    who: string,
    tool?: string,
  ): Promise<Allowance | null> {
    if (quota === undefined || quota === 0) return null;
    const { consumedPoints, msBeforeNext } = await counter.penalty(`${limit} ${tool ?? ''} ${who}`);
    return {
      limit,
      ...(tool !== undefined && { tool }),
      quota,
      windowS: WINDOW_S,
      remaining: Math.max(0, quota - consumedPoints),
      // After the wall clock was set back the library promises too much; its timer is not fooled.
      resetS: Math.min(WINDOW_S, Math.max(1, Math.ceil(msBeforeNext / 1000))),
      isExceeded: consumedPoints > quota,
    };
  }

  return {
    request: (principal) => take('requests', principal.policy?.limits?.requestsPerMinute, accountOf(principal)),
    toolCall: (principal, tool) =>
      take('tool_calls', ownValue(principal.policy?.limits?.toolCallsPerMinute, tool), accountOf(principal), tool),
    authFailure: (address) =>
      take('auth_failures', authFailuresPerMinute(), String(crc32(addressBlock(address), salt) % ADDRESS_COUNTERS)),
  };
}

/** A tool is named by the client: `constructor` must not find what every object has. */
function ownValue(limits: Readonly<Record<string, number>> | undefined, tool: string): number | undefined {
  return limits !== undefined && Object.hasOwn(limits, tool) ? limits[tool] : undefined;
}

export function rateLimited({ limit, tool, quota, resetS }: Allowance): AppError {
  const what: Record<RateLimitName, string> = {
    requests: `This key may make ${quota} requests a minute`,
    tool_calls: `This key may call ${tool ?? 'this tool'} ${quota} times a minute`,
    auth_failures: `More than ${quota} requests with a wrong key came from this address within a minute`,
  };
  return new AppError('RATE_LIMITED', what[limit], {
    hint: limit === 'auth_failures' ? `Use a valid key; it is let in at once` : `Try again in ${resetS} s`,
    retryAfterS: resetS,
  });
}
