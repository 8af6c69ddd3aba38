// Rates: counted by key and by address, one window a minute whatever the wall clock does, in bounded memory.

import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import { addressBlock } from '../../../src/auth/address-block.ts';
import type { Limits } from '../../../src/auth/policy.ts';
import { localPrincipal, withDefaultLimits, type Principal } from '../../../src/auth/principal.ts';
import { createRateLimits, rateLimited } from '../../../src/auth/rate-limits.ts';

const HOUR_MS = 3_600_000;

function principal(limits: Limits, id = 'k_1', account = id): Principal {
  const cloud = { consent: false, budgetUsdPerMonth: 0, account };
  return { kind: 'key', id, name: id, scopes: new Set(), root: 'default', policy: { limits }, cloud };
}

describe('requests and tool calls', () => {
  test('the quota is let in, the next one is not, and both say where the caller stands', async () => {
    const limits = createRateLimits({ authFailuresPerMinute: () => 0 });
    const caller = principal({ requestsPerMinute: 3 });
    const seen = [];
    for (let i = 0; i < 5; i += 1) seen.push(await limits.request(caller));
    assert.deepEqual(
      seen.map((allowance) => [allowance?.remaining, allowance?.isExceeded]),
      [
        [2, false],
        [1, false],
        [0, false],
        [0, true],
        [0, true],
      ],
    );
    const last = seen.at(-1);
    assert.ok(last !== undefined && last !== null && last.resetS >= 1 && last.resetS <= 60);
    const error = rateLimited(last);
    assert.deepEqual([error.code, error.status, error.retryAfterS], ['RATE_LIMITED', 429, last.resetS]);
  });

  test('without a limit nobody is counted, the local socket never', async () => {
    const limits = createRateLimits({ authFailuresPerMinute: () => 0 });
    assert.equal(await limits.request(principal({})), null);
    assert.equal(await limits.request(withDefaultLimits(localPrincipal, { requestsPerMinute: 1 })), null);
    assert.equal(await limits.authFailure('192.0.2.1'), null);
    assert.equal(await limits.toolCall(principal({ toolCallsPerMinute: { search: 1 } }), 'constructor'), null);
  });

  test('each tool has its own, each account too, and a rotated key brings no second one', async () => {
    const limits = createRateLimits({ authFailuresPerMinute: () => 0 });
    const policy: Limits = { toolCallsPerMinute: { search: 1, fetch: 1 } };
    const isExceeded = async (caller: Principal, tool: string): Promise<boolean | undefined> =>
      (await limits.toolCall(caller, tool))?.isExceeded;
    assert.equal(await isExceeded(principal(policy), 'search'), false);
    assert.equal(await isExceeded(principal(policy), 'fetch'), false);
    assert.equal(await isExceeded(principal(policy, 'k_2'), 'search'), false);
    assert.equal(await isExceeded(principal(policy, 'k_3', 'k_1'), 'search'), true);
    assert.equal(await isExceeded(principal(policy), 'list_files'), undefined);
  });

  test('what a key says of itself counts before the configuration, tool by tool', () => {
    const own = principal({ requestsPerMinute: 5, toolCallsPerMinute: { search: 2 } });
    const both = withDefaultLimits(own, {
      requestsPerMinute: 1,
      concurrentRuns: 2,
      toolCallsPerMinute: { search: 1, fetch: 1 },
    });
    assert.deepEqual(both.policy?.limits, {
      requestsPerMinute: 5,
      concurrentRuns: 2,
      toolCallsPerMinute: { search: 2, fetch: 1 },
    });
  });

  for (const [direction, jumpMs] of [
    ['forward', HOUR_MS],
    ['back', -HOUR_MS],
  ] as const) {
    test(`a wall clock that jumps ${direction} opens at most one more window, and promises no more than a minute`, async () => {
      let nowMs = Date.UTC(2026, 10, 24, 12);
      mock.method(Date, 'now', () => nowMs);
      mock.timers.enable({ apis: ['setTimeout'] });
      try {
        const limits = createRateLimits({ authFailuresPerMinute: () => 0 });
        const caller = principal({ requestsPerMinute: 10 });
        let allowed = 0;
        const ask = async (times: number): Promise<void> => {
          for (let i = 0; i < times; i += 1) {
            const allowance = await limits.request(caller);
            if (allowance?.isExceeded === false) allowed += 1;
            assert.ok(allowance !== null && allowance.resetS >= 1 && allowance.resetS <= 60);
          }
        };
        await ask(30);
        nowMs += jumpMs;
        await ask(30);
        assert.ok(allowed <= 20, `${allowed} allowed`);
        const afterJump = allowed;
        nowMs += 60_001;
        mock.timers.tick(60_001);
        await ask(30);
        assert.equal(allowed, afterJump + 10, 'after a minute, and no later, there is a new window');
      } finally {
        mock.timers.reset();
        mock.restoreAll();
      }
    });
  }
});

describe('failed authentication', () => {
  test('is counted by address; a /64 of IPv6 is one, and what is mapped is what it maps', async () => {
    const limits = createRateLimits({ authFailuresPerMinute: () => 2 });
    const isExceeded = async (address: string): Promise<boolean | undefined> =>
      (await limits.authFailure(address))?.isExceeded;
    assert.equal(await isExceeded('2001:db8:1:2::1'), false);
    assert.equal(await isExceeded('2001:db8:1:2:ffff::1'), false);
    assert.equal(await isExceeded('2001:db8:1:2:3:4:5:6'), true);
    assert.equal(await isExceeded('2001:db8:1:3::1'), false);
    assert.equal(await isExceeded('192.0.2.1'), false);
    assert.equal(await isExceeded('::ffff:192.0.2.1'), false);
    assert.equal(await isExceeded('192.0.2.1'), true);
    assert.equal(await isExceeded('unix'), false);
  });

  test('an address block is the address, or the network that one party holds', () => {
    const blocks: [string, string][] = [
      ['192.0.2.1', '192.0.2.1'],
      ['::ffff:192.0.2.1', '192.0.2.1'],
      ['2001:db8::1', '2001:db8:0:0::/64'],
      ['::1', '0:0:0:0::/64'],
      ['fe80::1%eth0', 'fe80:0:0:0::/64'],
      ['unix', 'unix'],
      ['nonsense', 'nonsense'],
    ];
    for (const [address, block] of blocks) assert.equal(addressBlock(address), block);
  });

  test('any number of addresses takes bounded memory', async () => {
    const limits = createRateLimits({ authFailuresPerMinute: () => 20 });
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 200_000; i += 1) await limits.authFailure(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
    const grownMiB = (process.memoryUsage().heapUsed - before) / 2 ** 20;
    assert.ok(grownMiB < 150, `${grownMiB} MiB`);
  });
});
